/**
 * Mixed load on several pools in real time, with interruptions and resizes; between rounds all comes to rest.
 */
import { Effect, Fiber, Logger, type Scope } from "effect"
import { GreenPool, type Verdict } from "../../src/index.ts"
import { below, oneOf } from "./jobs.ts"
import { scenarios, unreported } from "./scenarios.ts"
import { heldBytes, isEmpty, megabytes, require, requireConsistent, requireQuiet, say, violations } from "./verdict.ts"

const Sizes = [8, 3, 1] as const
/** The pool of this size is adaptive. */
const Adaptive = 8
const Drivers = 24
/** How much more may be held at the end than at the beginning, when all is at rest. */
const Growth = 4 * 2 ** 20

let reported = 0
const counting = Logger.layer([Logger.make<unknown, void>(({ logLevel }) => {
  // A pool that is used after its close is a warning.
  if (logLevel === "Error") reported++
})])

/** One scenario after the other, some of them interrupted. */
const drive = (pools: ReadonlyArray<GreenPool>, until: number): Effect.Effect<void> =>
  Effect.gen(function*() {
    while (Date.now() < until) {
      const index = below(pools.length)
      const pool = pools[index]!
      const work = Effect.exit(oneOf(scenarios)(pool, pools[index + 1] ?? pool))
      yield* oneOf<Effect.Effect<unknown>>([
        work,
        work,
        Effect.timeoutOption(work, below(6)),
        Effect.flatMap(Effect.forkDetach(work), (fiber) => Effect.andThen(Effect.yieldNow, Fiber.interrupt(fiber)))
      ])
    }
  })

const resizeOften = (pools: ReadonlyArray<GreenPool>, until: number): Effect.Effect<void> =>
  Effect.gen(function*() {
    while (Date.now() < until) {
      for (const [index, pool] of pools.entries()) {
        yield* Effect.orDie(pool.resize(below(2 * Sizes[index]! + 1)))
        requireConsistent(yield* pool.stats)
      }
      yield* Effect.sleep(5)
    }
    for (const [index, pool] of pools.entries()) yield* Effect.orDie(pool.resize(Sizes[index]!))
  })

/** Waits until all pools are empty at once: what one ends may have been about to enter another. */
const rest = (pools: ReadonlyArray<GreenPool>): Effect.Effect<void> =>
  Effect.gen(function*() {
    for (let empty = 0; empty < 3;) {
      for (const pool of pools) yield* pool.waitall
      yield* Effect.sleep(5)
      const all = yield* Effect.forEach(pools, (pool) => pool.stats)
      empty = all.every(isEmpty) ? empty + 1 : 0
    }
  })

const round = (pools: ReadonlyArray<GreenPool>, seconds: number): Effect.Effect<boolean> =>
  Effect.gen(function*() {
    const until = Date.now() + seconds * 1000
    const drivers = Array.from({ length: Drivers }, () => drive(pools, until))
    const work = Effect.all([resizeOften(pools, until), ...drivers], { concurrency: "unbounded", discard: true })
    const ended = yield* Effect.timeoutOption(Effect.andThen(work, rest(pools)), (seconds + 30) * 1000)
    require(ended._tag === "Some", "the pools come to rest within 30 s")
    for (const pool of pools) requireQuiet(yield* pool.stats)
    require(unreported.count === reported, `${unreported.count} failures of spawnN, ${reported} reports`)
    return ended._tag === "Some"
  })

const median = (values: ReadonlyArray<number>): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0

const rounds = (pools: ReadonlyArray<GreenPool>, minutes: number): Effect.Effect<void> =>
  Effect.gen(function*() {
    const end = Date.now() + minutes * 60_000
    const seconds = Math.min(5, Math.max(0.3, minutes * 60 / 14))
    const held: Array<number> = []
    const resources: Array<number> = []
    for (let number = 1; Date.now() < end || number <= 6; number++) {
      if (!(yield* round(pools, seconds))) return
      held.push(yield* Effect.promise(heldBytes))
      resources.push(process.getActiveResourcesInfo().length)
      const all = yield* Effect.forEach(pools, (pool) => pool.stats)
      const jobs = all.map(({ started }) => started).join(" + ")
      say(`round ${number}: ${jobs} jobs, ${reported} reports, at rest ${megabytes(held.at(-1) ?? 0)}`)
      if (violations.length > 0) return
    }
    // The first rounds compile and warm up.
    const steady = held.slice(2)
    const part = Math.max(1, Math.floor(steady.length / 3))
    const growth = median(steady.slice(-part)) - median(steady.slice(0, part))
    require(growth < Growth, `the heap is flat: it grew by ${megabytes(growth)}`)
    const [first = 0, last = 0] = [resources[1], resources.at(-1)]
    require(last <= first + 2, `no timers or handles are left: ${first} at first, ${last} at last`)
    say(`load: ${held.length} rounds, heap at rest changed by ${megabytes(growth)}`)
  })

const make = (size: number): Effect.Effect<GreenPool, never, Scope.Scope> =>
  Effect.orDie(
    GreenPool.make({
      size,
      name: `pool of ${size}`,
      // Verdicts at random: the size moves, and pauses, all the time.
      adaptive: size === Adaptive && {
        max: 2 * size,
        classify: () =>
          below(50) === 0 ? { retryAfter: below(20) } : oneOf<Verdict>(["ok", "ok", "ok", "overload", "ignore"])
      }
    })
  )

/** Puts several pools under load for so long. */
export const load = (minutes: number): Promise<void> =>
  Effect.forEach(Sizes, make).pipe(
    Effect.flatMap((pools) => rounds(pools, minutes)),
    Effect.scoped,
    Effect.provide(counting),
    Effect.runPromise
  )
