import { assert, describe } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Effect, Layer } from "effect"
import { FetchHttpClient } from "effect/http"
import { Worker } from "node:worker_threads"
import { startApi } from "../src/embedded/llm-server.ts"
import { ask, startServer } from "../src/gallery/adaptive.ts"
import { printedBy, runExample } from "./example.ts"
import { liveWith } from "./live.ts"
import { folder } from "./outside.ts"

/** Waits until the pool has found a size, which is on average near what the backend can take: neither idle nor refused. */
const between = (least: number, most: number) =>
  Effect.gen(function*() {
    let sum = 0
    for (let i = 0; i < 20; i++) {
      yield* Effect.sleep("25 millis")
      sum += yield* GreenPool.size
    }
    const { adaptive } = yield* GreenPool.stats
    return adaptive?.phase === "steady" && sum >= 20 * least && sum <= 20 * most
  }).pipe(Effect.repeat({ until: (isNear) => isNear, times: 60 }), Effect.filterOrFail((isNear) => isNear))

/** Threads that compute, each one job after the other, until the scope closes; and what has one of them do so. */
const startThreads = Effect.fnUntraced(function*(count: number) {
  const code = `const { parentPort } = require("node:worker_threads"); const { pbkdf2Sync } = require("node:crypto")
    parentPort.on("message", (id) => { pbkdf2Sync("password", "salt", 4000, 32, "sha256"); parentPort.postMessage(id) })`
  const done = new Map<unknown, () => void>()
  const start = () => new Worker(code, { eval: true }).on("message", (id) => done.get(id)?.())
  const threads = Array.from({ length: count }, start)
  yield* Effect.addFinalizer(() => Effect.promise(() => Promise.all(threads.map((thread) => thread.terminate()))))
  let next = 0
  const compute = Effect.callback<void>((resume) => {
    done.set(++next, () => resume(Effect.void))
    // A port of a thread has no origin to name.
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    threads[next % count]!.postMessage(next)
  })
  return { compute }
})

const live = liveWith(Layer.merge(GreenPool.layer({ adaptive: { max: 100 } }), FetchHttpClient.layer))

describe("adaptive", { timeout: 60_000 }, () => {
  live("stays near the number of threads that compute, however many callers there are", function*() {
    const { compute } = yield* startThreads(2)
    const caller = Effect.forever(GreenPool.run(compute))
    yield* Effect.forkScoped(Effect.all(Array.from({ length: 100 }, () => caller), { concurrency: "unbounded" }))
    yield* between(1.5, 12)
    const { adaptive, failed } = yield* GreenPool.stats
    assert.deepInclude({ ...adaptive, failed }, { phase: "steady", cuts: 0, failed: 0 })
  })

  live("finds how much a real server takes, and finds it again after half of its workers have gone", function*() {
    const server = yield* startServer(12)
    yield* Effect.forkScoped(ask(server.address, 100))
    yield* between(9, 28)
    const before = yield* GreenPool.stats
    yield* server.setWorkers(3)
    yield* between(2, 9)
    const after = yield* GreenPool.stats
    assert.isBelow(after.size, before.size)
    // The refusals are what the search costs, not what it lives on.
    assert.isBelow(after.failed / (after.failed + after.succeeded), 0.4)
  })

  live("prints a line a second", function*() {
    const stdout = yield* printedBy("adaptive", "--seconds", "2", "--lose-after", "1")
    assert.match(stdout, /^ {2}1 s {2}(starting|steady) +size +\d+ +\d+\/s +\d+ ms/m)
    assert.match(stdout, /half of the workers have gone: 8 are left/)
  })

  live("of llm-batch finds out how many requests the API can take, up to --size", function*() {
    const { answered, inHand, url } = yield* startApi({ rate: 100_000, burst: 100_000, millis: 100 })
    const out = `${(yield* folder).path}/answers.jsonl`
    const args = `--adaptive --url ${url} --model m --out ${out} --prompts 80 --rate 100000 --size 40`
    const { code } = yield* runExample("llm-batch", ...args.split(" "))
    assert.deepStrictEqual([code, answered.size], [0, 80])
    // The first leg has four slots, the next twice as many.
    assert.isAtMost(Math.max(...inHand.slice(0, 10)), 4)
    assert.isAbove(Math.max(...inHand), 4)
    assert.isAtMost(Math.max(...inHand), 40)
  })
})
