// Makes thumbnails of images by durable jobs. The process that makes them is killed half way, and the next one goes on.
import { Console, Effect, FileSystem } from "effect"
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { writeImage } from "../embedded/images.ts"

const program = fileURLToPath(new URL("thumbnails-job.ts", import.meta.url))

/** Runs a process until it ends, or until it has told so many paths: then it is killed. Returns how many. */
const runProcess = (database: string, images: ReadonlyArray<string>, until = Infinity) =>
  Effect.callback<number>((resume) => {
    let told = 0
    const child = fork(program, [database, ...images])
    child.on("message", () => {
      if (++told === until) child.kill("SIGKILL")
    })
    child.once("exit", () => resume(Effect.succeed(told)))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

export const main = Effect.fn("thumbnails")(function*({ images: count }: { readonly images: number }) {
  const files = yield* FileSystem.FileSystem
  const folder = yield* files.makeTempDirectoryScoped()
  const images = Array.from({ length: count }, (_, index) => `${folder}/${index}.pgm`)
  yield* Effect.forEach(images, (image) => writeImage(image, 256))
  const made = Effect.map(
    files.readDirectory(folder),
    (names) => names.filter((name) => name.endsWith(".thumbnail.pgm")).length
  )

  const before = yield* runProcess(`${folder}/jobs.db`, images, Math.ceil(count / 2))
  yield* Console.log(`Killed after ${before} of ${count} thumbnails`)

  const there = yield* made
  const after = yield* runProcess(`${folder}/jobs.db`, images)
  yield* Console.log(
    `The next process returned all ${after}: ${there} that were there, ${(yield* made) - there} new ones`
  )
}, Effect.scoped)
