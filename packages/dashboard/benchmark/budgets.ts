// Measures what the dashboard costs, and fails where that is more than it may. Some two minutes; `--quick` for one.
import { PoolStats } from "@greenpool/core"
import { Effect, Metric, Stream } from "effect"
import { TestClock } from "effect/testing"
import { fork } from "node:child_process"
import { get } from "node:http"
import { join } from "node:path"
import { assets } from "../src/internal/assets.ts"
import { Board } from "../src/internal/board.ts"
import type { Shown } from "../src/Shown.ts"
import type { Question } from "./server.ts"

const seconds = process.argv.includes("--quick") ? 4 : 15

const child = fork(join(import.meta.dirname, "server.ts"), { execArgv: ["--expose-gc"] })

const ask = <A>(question: Question): Promise<A> =>
  new Promise((resolve) => {
    const onMessage = (message: { readonly question: string; readonly answer: A }) => {
      if (message.question !== question) return
      child.off("message", onMessage)
      resolve(message.answer)
    }
    child.on("message", onMessage)
    child.send(question)
  })

const sleep = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000))

interface Reader {
  bytes: number
  frames: number
  onFrame: (data: string) => void
  readonly close: () => void
}

/** A page as the server sees it: one that reads its feed, or one that reads nothing. */
const open = (url: string, reads = true): Promise<Reader> =>
  new Promise((resolve) => {
    const request = get(`${url}?feed`, { agent: false }, (response) => {
      const reader: Reader = { bytes: 0, frames: 0, onFrame: () => {}, close: () => request.destroy() }
      if (reads) {
        response.setEncoding("utf8").on("data", (text: string) => {
          reader.bytes += Buffer.byteLength(text)
          reader.frames += text.split("\n\n").length - 1
          reader.onFrame(text)
        })
      } else {
        response.pause()
      }
      response.on("error", () => {})
      resolve(reader)
    })
    request.on("error", () => {})
  })

const openMany = (url: string, count: number, reads = true) =>
  Promise.all(Array.from({ length: count }, () => open(url, reads)))

/** The share of a core that the server takes, in percent. */
const cpu = async (): Promise<number> => {
  const before = await ask<{ cpu: number; time: number }>("cpu")
  await sleep(seconds)
  const after = await ask<{ cpu: number; time: number }>("cpu")
  return 100 * (after.cpu - before.cpu) / (after.time - before.time)
}

let failed = false

const report = (what: string, value: number, unit: string, kind: "at most" | "at least", budget: number): void => {
  const holds = kind === "at most" ? value <= budget : value >= budget
  failed ||= !holds
  console.log(
    `${holds ? "  " : "✗ "}${what.padEnd(58)} ${value.toFixed(2).padStart(8)} ${unit.padEnd(8)} ${kind} ${budget}`
  )
}

const KiB = 1024

/** The history of 20 busy pools over 5 minutes, compressed. */
const historySize = Effect.gen(function*() {
  const board = new Board(
    { keys: false, history: 300, interval: 250, maxViewers: 100 },
    yield* Effect.context<never>()
  )
  let tick = 0
  const boundaries = [
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1,
    2.5,
    5,
    10,
    30,
    60,
    120,
    300,
    Infinity
  ]
  for (let i = 0; i < 20; i++) {
    const attributes = { pool: `application/pool-${i}` }
    const waits = Metric.histogram("greenpool_wait_seconds", { attributes, boundaries })
    const runs = Metric.histogram("greenpool_run_seconds", { attributes, boundaries })
    let ended = 0
    const size = 4 + i
    const stats = Effect.gen(function*() {
      for (let job = 0; job < 20; job++) {
        yield* Metric.update(waits, Math.random() ** 3 * (1 + Math.sin(tick / 300)))
        yield* Metric.update(runs, Math.random() ** 2)
      }
      // Waves of load, with noise: as many digits change as in a real pool.
      const load = (1.2 + Math.sin(++tick / (200 + 40 * i))) * size * (0.7 + 0.6 * Math.random())
      const running = Math.min(size, Math.round(load))
      ended += Math.round(load * 7)
      const failures = Math.round(ended / 50)
      return new PoolStats({
        name: `application/pool-${i}`,
        size,
        running,
        free: size - running,
        waiting: Math.max(0, Math.round(load - size)),
        borrowed: 0,
        started: ended + running,
        succeeded: ended - failures,
        failed: failures,
        interrupted: 0,
        rejected: 0
      })
    })
    const shown: Shown = { stats, changes: Stream.never }
    yield* board.show(shown)
  }
  yield* Effect.forkScoped(board.run)
  for (let second = 0; second < 300; second++) yield* TestClock.adjust("1 second")
  return (yield* board.history).length
}).pipe(Effect.scoped, Effect.provide(TestClock.layer()), Effect.provideService(Metric.MetricRegistry, new Map()))

await new Promise((resolve) => child.once("message", resolve))
const url = await ask<string>("url")

const wire = Object.values(assets).reduce((sum, { gzip }) => sum + Buffer.from(gzip, "base64").length, 0)
const html = Buffer.byteLength(await (await fetch(url)).text())
report("The page over the wire", (wire + html) / KiB, "KiB", "at most", 60)
report("The history of 20 busy pools, 5 minutes", await Effect.runPromise(historySize) / KiB, "KiB", "at most", 100)

const traffic = async (name: string, bytes: number, frames: number) => {
  const reader = await open(url)
  await sleep(2)
  Object.assign(reader, { bytes: 0, frames: 0 })
  await sleep(seconds)
  report(`${name}: bytes a second for a page`, reader.bytes / seconds / KiB, "KiB/s", "at most", bytes)
  report(`${name}: frames a second for a page`, reader.frames / seconds, "/s", "at most", frames)
  reader.close()
}
await traffic("20 idle pools", 2, 6)

const waits: Array<number> = []
{
  const reader = await open(url)
  await sleep(1)
  for (let i = 0; i < 10; i++) {
    await sleep(0.3 + Math.random())
    const known = { size: 0 }
    const seen = new Promise<number>((resolve) => {
      reader.onFrame = (text) => {
        for (const [, data = "{}"] of text.matchAll(/data: (.*)\n/g)) {
          const { figures = [] } = JSON.parse(data) as { readonly figures?: ReadonlyArray<ReadonlyArray<number>> }
          const now = figures.find(([id]) => id === 1)?.[1] ?? known.size
          if (known.size > 0 && now > known.size) resolve(Date.now())
          known.size = now
        }
      }
    })
    // Its size before.
    while (known.size === 0) await sleep(0.05)
    const changed = await ask<number>("change")
    waits.push(await Promise.race([seen, sleep(3).then(() => changed + 3000)]) - changed)
  }
  reader.close()
}
report("A change is on the wire, at the longest of 10", Math.max(...waits) / 1000, "s", "at most", 1)

await ask("busy")
await traffic("20 busy pools", 24, 6)

const alone = await cpu()
const ten = await openMany(url, 10)
await sleep(1)
const withTen = await cpu()
const more = await openMany(url, 40)
await sleep(1)
const withFifty = await cpu()
report("A further page of 20 busy pools", (withFifty - withTen) / 40, "% core", "at most", 0.1)
report("50 pages of 20 busy pools", withFifty - alone, "% core", "at most", 3)
for (const reader of [...ten, ...more]) reader.close()
await ask("idle")
await sleep(1)

// The same with and without, in turns: what else this machine does meets both.
const rates = { without: 0, with: 0 }
for (let round = 0; round < seconds; round++) {
  rates.without += await ask<number>("rate")
  const reader = await open(url)
  await sleep(0.3)
  rates.with += await ask<number>("rate")
  reader.close()
  await sleep(0.1)
}
report("Jobs with a page against jobs without", rates.with / rates.without, "ratio", "at least", 0.95)

await ask("busy")
const silent = await openMany(url, 50, false)
await sleep(seconds)
const before = await ask<number>("heap")
await sleep(2 * seconds)
const after = await ask<number>("heap")
report("Growth with 50 pages that read nothing", (after - before) / KiB / KiB, "MiB", "at most", 2)
for (const reader of silent) reader.close()
await ask("idle")

const last = await openMany(url, 5)
report("The close of the server with pages open", await ask<number>("close"), "s", "at most", 3)
for (const reader of last) reader.close()

child.kill()
process.exitCode = failed ? 1 : 0
