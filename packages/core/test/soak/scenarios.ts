/**
 * Uses of pools, by all verbs, alone and nested. Each ends by itself on a pool that is not paused for ever.
 */
import { Cause, Effect, Exit, Fiber, Option, Stream } from "effect"
import { GreenPile, GreenPool } from "../../src/index.ts"
import { any, anyOrThrow, below, good, oneOf } from "./jobs.ts"

type Scenario = (pool: GreenPool, later: GreenPool) => Effect.Effect<unknown, unknown>

/** Jobs of `spawnN` that ended in a failure or a defect: each is to be reported, once. */
export const unreported = { count: 0 }

/**
 * Notes how the fiber of a job of `spawnN` ends. A handler inside it would not do: interruption skips handlers, and a
 * defect that comes with it goes past them.
 */
const noted = <A, E>(job: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.withFiber((fiber) => {
    fiber.addObserver((exit) => {
      if (Exit.isFailure(exit) && exit.cause.reasons.some((reason) => !Cause.isInterruptReason(reason))) {
        unreported.count++
      }
    })
    return job
  })

const numbers = function*(end = Infinity): Generator<number> {
  for (let i = 0; i < end; i++) yield i
}

const laterNumbers = async function*(end = Infinity): AsyncGenerator<number> {
  for (let i = 0; i < end; i++) {
    if (i % 8 === 7) await new Promise((resolve) => setTimeout(resolve, 1))
    yield i
  }
}

const failingNumbers = async function*(): AsyncGenerator<number> {
  yield* laterNumbers(below(20))
  throw new Error("the source failed")
}

const source = () =>
  oneOf<Iterable<number> | AsyncIterable<number> | Stream.Stream<number, string>>([
    numbers(below(60)),
    numbers(),
    laterNumbers(below(60)),
    laterNumbers(),
    failingNumbers(),
    Stream.fromIterable(numbers(below(60))),
    Stream.rechunk(Stream.fromIterable(numbers()), 5),
    Stream.concat(Stream.range(0, below(20)), Stream.fail("the source failed"))
  ])

const leave = <A, E>(stream: Stream.Stream<A, E>) => Stream.runDrain(Stream.take(stream, 1 + below(60)))

const pileOn = (sizeOrPool: number | GreenPool) =>
  Effect.scoped(Effect.gen(function*() {
    const pile = yield* GreenPile.make<number, string>(sizeOrPool)
    const jobs = 1 + below(20)
    const feed = Effect.forEach(numbers(jobs), () => pile.spawn(any), { discard: true })
    if (below(2) === 0) yield* feed
    else yield* Effect.forkScoped(feed)
    yield* oneOf<Effect.Effect<unknown, string>>([
      Stream.runDrain(pile.exits),
      Stream.runDrain(pile.results),
      Effect.all([Effect.exit(pile.next), Effect.exit(pile.next)], { concurrency: 2 }),
      Effect.timeoutOption(Effect.map(pile.next, Option.isSome), 1),
      Effect.void
    ])
  }))

/** Inside a job each way of use again, down to some depth; `later` may be entered from inside `pool`, not vice versa. */
const nested = (pool: GreenPool, later: GreenPool, depth: number): Effect.Effect<unknown, unknown> => {
  if (depth === 0) return any
  const inner = Effect.suspend(() => nested(pool, later, depth - 1))
  return oneOf<Effect.Effect<unknown, unknown>>([
    pool.run(inner),
    Effect.flatMap(pool.spawn(inner), Fiber.await),
    pool.spawnN(noted(Effect.exit(inner))),
    leave(pool.imapExit(() => inner, numbers(5))),
    pileOn(pool),
    Effect.all([pool.run(inner), pool.run(inner), pool.run(inner)], { concurrency: "unbounded", discard: true }),
    Effect.forkDetach(pool.run(inner)),
    later.run(inner),
    later.run(pool.run(inner))
  ])
}

const alone: ReadonlyArray<Scenario> = [
  (pool) => pool.run(any),
  (pool) => Effect.forEach(Array.from({ length: 30 }), () => pool.run(Effect.exit(any)), { concurrency: "unbounded" }),
  (pool) => Effect.flatMap(pool.spawn(any), oneOf([Fiber.await, Fiber.interrupt, () => Effect.void])),
  (pool) => Effect.repeat(pool.spawnN(noted(any)), { times: below(10) }),
  (pool) => Effect.uninterruptible(pool.run(good)),
  (pool) => leave(pool.imap(oneOf([() => good, anyOrThrow]), source())),
  (pool) => leave(pool.imapUnordered(anyOrThrow, source())),
  (pool) => leave(pool.imapExit(anyOrThrow, source())),
  (pool) => leave(pool.imap((a: number, b: number) => Effect.as(good, a + b), source(), source())),
  // with a slow reader
  (pool) => Stream.runDrain(Stream.mapEffect(Stream.take(pool.imap(() => good, numbers()), 10), () => Effect.sleep(1))),
  (pool) => pileOn(oneOf<GreenPool | number>([pool, 1 + below(3)]))
]

export const scenarios: ReadonlyArray<Scenario> = [
  ...alone,
  (pool, later) => pool.run(nested(pool, later, 1 + below(4))),
  (pool, later) => Effect.flatMap(pool.spawn(nested(pool, later, 3)), Fiber.await),
  (pool, later) => leave(pool.imap(() => nested(pool, later, 2), numbers(10))),
  (pool) => Effect.timeoutOption(pool.waitall, 5),
  (pool) => Effect.exit(pool.run(pool.waitall)),
  // A pool that closes in the midst of its work.
  () =>
    Effect.scoped(Effect.gen(function*() {
      const pool = yield* GreenPool.make({ size: 1 + below(3) })
      for (const scenario of alone) {
        yield* Effect.forkDetach(Effect.exit(scenario(pool, pool)), { startImmediately: true })
      }
      yield* Effect.sleep(below(4))
    }))
]
