/**
 * A million fibers that wait for a slot, cancelled at once.
 */
import { Effect, type Fiber } from "effect"
import { GreenPool } from "../../src/index.ts"
import { heldBytes, megabytes } from "./memory.ts"
import { require, requireQuiet, say } from "./verdict.ts"

const Count = 1_000_000
/** Bounds that a quadratic line, or one that keeps those who left, is far beyond. */
const BytesPerWaiter = 4096
const Seconds = 60
const Leftover = 8 * 2 ** 20

const lineUp = (pool: GreenPool): Effect.Effect<Array<Fiber.Fiber<void>>> =>
  Effect.gen(function*() {
    const fibers: Array<Fiber.Fiber<void>> = []
    for (let i = 0; i < Count; i++) {
      fibers.push(yield* Effect.forkDetach(pool.run(Effect.void), { startImmediately: true }))
    }
    return fibers
  })

/** Lines them up, cancels them, and looks at what is left. */
export const cancelMillion = (): Promise<void> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const pool = yield* Effect.orDie(GreenPool.make({ size: 1 }))
    const holder = yield* pool.spawn(Effect.never)
    const before = yield* Effect.promise(heldBytes)
    let fibers = yield* lineUp(pool)
    const waiting = yield* pool.waiting
    require(waiting === Count, `${Count} wait: ${waiting}`)
    const perWaiter = ((yield* Effect.promise(heldBytes)) - before) / Count
    require(perWaiter < BytesPerWaiter, `a waiting fiber holds ${perWaiter.toFixed(0)} bytes`)
    const start = Date.now()
    for (const fiber of fibers) fiber.interruptUnsafe()
    fibers = []
    holder.interruptUnsafe()
    yield* pool.waitall
    const seconds = (Date.now() - start) / 1000
    require(seconds < Seconds, `${Count} are cancelled in ${seconds.toFixed(1)} s`)
    requireQuiet(yield* pool.stats)
    const left = (yield* Effect.promise(heldBytes)) - before
    require(left < Leftover, `${megabytes(left)} are held afterwards`)
    say(
      `cancellation: ${Count} waiting fibers of ${perWaiter.toFixed(0)} bytes each, cancelled in ` +
        `${seconds.toFixed(2)} s, ${megabytes(left)} left`
    )
  })))
