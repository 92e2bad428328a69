import { Effect, FileSystem, Schema, Semaphore } from "effect"
import { DatabaseSync } from "node:sqlite"
import { BadLine, Prompt } from "./llm-prompts.ts"

const Answer = Schema.fromJsonString(Schema.Struct({ ...Prompt.fields, answer: Schema.String }))
const decodeAnswer = Schema.decodeEffect(Answer)
const encodeAnswer = Schema.encodeSync(Answer)

/** The file for the answers cannot be locked: another run uses it, or it cannot be written. */
export class NotLocked extends Schema.TaggedError<NotLocked>()("NotLocked", { message: Schema.String }) {}

/** Some prompts have no answer. The next run asks them again. */
export class Unanswered extends Schema.TaggedError<Unanswered>()("Unanswered", { count: Schema.Int }) {
  override readonly message = `no answer to ${this.count} of the prompts; run it again to ask them again`
}

/** Keeps other runs off a file until the scope closes. However the process ends, the system releases the lock. */
const lock = (file: string) =>
  Effect.acquireRelease(
    Effect.try({
      try: () => {
        const database = new DatabaseSync(`${file}.lock`)
        database.exec("BEGIN EXCLUSIVE")
        return database
      },
      catch: (error) => {
        const isBusy = error instanceof Error && "errcode" in error && error.errcode === 5
        return new NotLocked({ message: isBusy ? `another run writes to ${file}` : `${file}.lock: ${String(error)}` })
      }
    }),
    (database) => Effect.sync(() => database.close())
  )

/** The ids of the prompts that have an answer in the file. A last line that was cut off by a kill is removed. */
const readAnswered = Effect.fn("readAnswered")(function*(file: string, prompts: ReadonlyArray<Prompt>) {
  const fs = yield* FileSystem.FileSystem
  const answered = new Set<string>()
  if (!(yield* fs.exists(file))) return answered
  const bytes = yield* fs.readFile(file)
  const end = bytes.lastIndexOf(0x0a) + 1
  // A power failure may leave zeros in a file, which belong to no answer.
  const lines = new TextDecoder().decode(bytes).replaceAll("\0", "").split("\n")
  const rest = lines.pop() ?? ""
  const byId = new Map(prompts.map(({ id, prompt }) => [id, prompt]))
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "") continue
    const bad = (reason: string) => new BadLine({ file, line: index + 1, reason })
    const { id, prompt } = yield* Effect.mapError(decodeAnswer(line), (error) => bad(`not an answer: ${error.message}`))
    // Answers to other prompts under the same ids would pass for answers to these.
    if ((byId.get(id) ?? prompt) !== prompt) return yield* bad(`"${id}" is the id of another prompt here`)
    answered.add(id)
  }
  const isCut = rest.startsWith("{\"id\":") || "{\"id\":".startsWith(rest)
  if (!isCut) return yield* new BadLine({ file, line: lines.length + 1, reason: "not an answer" })
  if (end < bytes.length) yield* fs.truncate(file, end)
  return answered
})

/** Opens the file for the answers: the ids of the prompts that have one, and what appends one. */
export const openAnswers = Effect.fn("openAnswers")(function*(out: string, prompts: ReadonlyArray<Prompt>) {
  yield* lock(out)
  const answered = yield* readAnswered(out, prompts)
  const file = yield* (yield* FileSystem.FileSystem).open(out, { flag: "a" })
  const one = yield* Semaphore.make(1)
  const append = (prompt: Prompt, answer: string) =>
    one.withPermit(file.writeAll(new TextEncoder().encode(`${encodeAnswer({ ...prompt, answer })}\n`)))
  return { answered, append }
})
