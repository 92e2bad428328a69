// A program of a user: pools, piles, maps and layers in plain JavaScript, on any runtime.
import { GreenPile, GreenPool, GreenPoolLive } from "@greenpool/core"
import { Effect, Fiber, Stream } from "effect"

const check = (what, actual, expected) => {
  const [found, wanted] = [actual, expected].map((value) => JSON.stringify(value))
  if (found !== wanted) throw new Error(`${what}: ${found} instead of ${wanted}`)
}

const slowly = (value) => Effect.delay(Effect.succeed(value), "2 millis")

const pools = Effect.gen(function*() {
  const pool = yield* GreenPool.make({ size: 2, name: "plain" })
  const fiber = yield* pool.spawn(pool.run(slowly("inner")))
  check("run", yield* pool.run(slowly("here")), "here")
  check("a nested job", yield* Fiber.join(fiber), "inner")

  check("imap", yield* Stream.runCollect(pool.imap((n) => slowly(n * 2), [1, 2, 3])), [2, 4, 6])
  check("imapUnordered", (yield* Stream.runCollect(pool.imapUnordered(slowly, [1, 2, 3]))).toSorted(), [1, 2, 3])

  const pile = yield* GreenPile.make(pool)
  for (const n of [1, 2, 3]) yield* pile.spawn(slowly(n))
  check("a pile", yield* Stream.runCollect(pile.results), [1, 2, 3])

  check("a wrong size", (yield* Effect.flip(pool.resize(-1)))._tag, "InvalidPoolSize")
  yield* pool.resize(5)
  yield* pool.waitall
  const { failed, free, name, running, size, waiting } = yield* pool.stats
  check("stats", { failed, free, name, running, size, waiting }, {
    failed: 0,
    free: 5,
    name: "plain",
    running: 0,
    size: 5,
    waiting: 0
  })
})

const bounds = Effect.gen(function*() {
  const pool = yield* GreenPool.make({ size: 1, maxWaiting: 0 })
  yield* pool.spawn(Effect.never)
  check("a full pool", (yield* Effect.flip(pool.run(Effect.void)))._tag, "PoolFull")
  const { _tag } = yield* Effect.flip(pool.run(Effect.void, { maxWait: "1 milli" }))
  check("a call with a bound", _tag, "PoolFull")
})

class ApiPool extends GreenPool.Service()("app/ApiPool", { size: 3 }) {}

const services = Effect.gen(function*() {
  check("the size of a layer", yield* GreenPool.size, 1000)
  check("the size of a service", yield* ApiPool.size, 3)
  check("statics", yield* slowly("static").pipe(ApiPool.run), "static")
  check("a map of statics", yield* Stream.runCollect(ApiPool.imap(slowly, [1, 2])), [1, 2])
})

await Effect.runPromise(Effect.scoped(pools))
await Effect.runPromise(Effect.scoped(bounds))
await Effect.runPromise(services.pipe(Effect.provide(GreenPoolLive), Effect.provide(ApiPool.layer)))

const inside = "@greenpool/core/dist/index.js"
const isOpen = await import(inside).then(() => true, () => false)
check("whether a file of the package can be imported by its path", isOpen, false)
