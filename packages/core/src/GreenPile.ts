/**
 * A collection of jobs whose results are read back in the order in which they were spawned.
 *
 * @since 0.1.0
 */
import { Array as Arr, Cause, type Duration, Effect, Exit, type Fiber, Option, type Pull, Scope, Stream } from "effect"
import type { CallRejection, JobOptions } from "./Admission.ts"
import { GreenPool, isGreenPool, toInternal } from "./GreenPool.ts"
import { LinkedList, Node } from "./internal/linked-list.ts"
import type { JobGroup, Pool } from "./internal/pool.ts"
import type { Job } from "./internal/slots.ts"
import { type JobListener, spawn, SpawnJob } from "./internal/spawn.ts"
import { dual } from "./internal/verbs.ts"
import type { InvalidPoolSize } from "./PoolSize.ts"
import type { DataLast, Dual } from "./Verbs.ts"

/**
 * A pile: jobs go in, and their results come out in the order of `spawn`.
 *
 * When to use: for a number of jobs that are started one by one, and whose results are needed in order. For inputs
 * without an end use `imap`, which keeps a window only: a pile keeps each result until it is read, so a pile that is
 * spawned into and never read grows. That is what it is for.
 *
 * A pile can be fed and read from any number of fibers: each result goes to one reader, and readers are served in the
 * order in which they came. It has no end of its own: reading ends as soon as nothing is outstanding, even if another
 * fiber spawns more a moment later. When its scope closes, its jobs are interrupted and awaited; other jobs of its pool are not
 * touched.
 *
 * ```ts import.meta.vitest
 * import { GreenPile } from "@greenpool/core"
 * import { Effect, Stream } from "effect"
 *
 * const program = Effect.gen(function*() {
 *   const pile = yield* GreenPile.make<number>(2)
 *   yield* Effect.forEach([1, 2, 3], (n) => pile.spawn(Effect.succeed(n * n)))
 *   return yield* Stream.runCollect(pile.results)
 * })
 *
 * console.log(await Effect.runPromise(Effect.scoped(program))) // prints [ 1, 4, 9 ]
 * ```
 *
 * @category models
 * @since 0.1.0
 */
export interface GreenPile<in out A, in out E = never, out Rejected = never> {
  /**
   * Waits for a slot of the pool, then starts the job, whose result takes its place among those that are outstanding.
   * Data-first (`pile.spawn(job, options)`) or data-last (`job.pipe(pile.spawn(options))`), as the verbs of a pool.
   *
   * Inside a job of a full pool, it borrows the slot of the job around it, and returns when the new job has ended.
   * Interrupted while it waits, or rejected, it leaves the queue, and its place in the pile is dropped.
   *
   * Fails with `PoolFull` if the pool has bounds or the call has a `maxWait`; the failure of the job surfaces where its
   * result is read. O(1); with keys or priorities O(log n) in the number of waiting callers. eventlet's
   * `GreenPile.spawn`.
   *
   * ```ts import.meta.vitest
   * import { GreenPile } from "@greenpool/core"
   * import { Effect, Stream } from "effect"
   *
   * const program = Effect.gen(function*() {
   *   const pile = yield* GreenPile.make<string>(2)
   *   yield* pile.spawn(Effect.delay(Effect.succeed("slow"), "5 millis"))
   *   yield* pile.spawn(Effect.succeed("quick"))
   *   return yield* Stream.runCollect(pile.results)
   * })
   *
   * console.log(await Effect.runPromise(Effect.scoped(program))) // prints [ 'slow', 'quick' ]
   * ```
   */
  readonly spawn: <
    Arg extends Effect.Effect<A, E, unknown> | DataLast = DataLast,
    MaxWait extends Duration.Input | undefined = never
  >(
    effectOrOptions: Arg | Effect.Effect<A, E> | JobOptions<MaxWait>,
    options?: JobOptions<MaxWait> | number
  ) => Dual<
    Arg,
    <R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<void, Rejected | CallRejection<JobOptions<MaxWait>>, R>,
    Effect.Effect<void, Rejected | CallRejection<JobOptions<MaxWait>>, Effect.Services<Arg>>
  >

  /**
   * Waits for the next result in the order of `spawn`, and returns it. Returns `Option.none()` as soon as nothing is
   * outstanding.
   *
   * A failure of a job comes in its place; the next call goes on with the result after it. Interruption loses nothing:
   * the result stays for the next reader. O(1). eventlet's `GreenPile.next`.
   *
   * ```ts import.meta.vitest
   * import { GreenPile } from "@greenpool/core"
   * import { Effect, Option } from "effect"
   *
   * const program = Effect.gen(function*() {
   *   const pile = yield* GreenPile.make<string>(2)
   *   yield* pile.spawn(Effect.succeed("one"))
   *   console.log(Option.getOrElse(yield* pile.next, () => "end")) // prints one
   *   console.log(Option.getOrElse(yield* pile.next, () => "end")) // prints end
   * })
   *
   * await Effect.runPromise(Effect.scoped(program))
   * ```
   */
  readonly next: Effect.Effect<Option.Option<A>, E>

  /**
   * The results as a stream, up to the first failure; run again, it goes on with the rest. It takes one result at a
   * time, so leaving it early leaves the rest to the next reader.
   *
   * When to use: to read everything that has been spawned, where a failure should end the reading. eventlet's iteration
   * over a `GreenPile`.
   */
  readonly results: Stream.Stream<A, E>

  /**
   * The exits of all jobs as a stream, which a failing job doesn't end. It takes one at a time, as `results` does.
   *
   * When to use: to read everything that has been spawned, failures included.
   *
   * ```ts import.meta.vitest
   * import { GreenPile } from "@greenpool/core"
   * import { Effect, Stream } from "effect"
   *
   * const program = Effect.gen(function*() {
   *   const pile = yield* GreenPile.make<string, string>(2)
   *   yield* pile.spawn(Effect.succeed("one"))
   *   yield* pile.spawn(Effect.fail("broken"))
   *   yield* Stream.runForEach(pile.exits, (exit) => Effect.sync(() => console.log(exit._tag)))
   * })
   *
   * await Effect.runPromise(Effect.scoped(program))
   * // prints:
   * // Success
   * // Failure
   * ```
   */
  readonly exits: Stream.Stream<Exit.Exit<A, E>>
}

/**
 * The constructor of piles.
 *
 * @category constructors
 * @since 0.1.0
 */
export const GreenPile: {
  /**
   * Makes a pile that lives as long as the scope: on a pool that it shares with others, or on one of its own of the
   * given size (default 1000).
   *
   * On a pool it can't fail. For a pool of its own it fails with `InvalidPoolSize` if the size isn't a non-negative safe
   * integer. On a pool with bounds, name what its calls can fail with: `GreenPile.make<string, never, PoolFull>(pool)`.
   */
  readonly make: {
    <A, E = never, Rejected = never>(
      pool: GreenPool<Rejected>
    ): Effect.Effect<GreenPile<A, E, Rejected>, never, Scope.Scope>
    <A, E = never, Rejected = never>(
      sizeOrPool?: number | GreenPool<Rejected>
    ): Effect.Effect<GreenPile<A, E, Rejected>, InvalidPoolSize, Scope.Scope>
  }
} = {
  make: <A, E, Rejected>(sizeOrPool?: number | GreenPool<Rejected>) => {
    const pool = isGreenPool(sizeOrPool)
      ? Effect.succeed(sizeOrPool)
      : GreenPool.make({ size: sizeOrPool as number | undefined })
    // With a pool it can't fail.
    return Effect.flatMap(pool, (pool) =>
      Effect.uninterruptible(Effect.flatMap(Effect.scope, (scope) => {
        const pile = new Pile<A, E>(toInternal(pool))
        // In the context of the closer, which says what jobs it is in; `acquireRelease` would give it the maker's.
        return Effect.as(Scope.addFinalizer(scope, pile.close), fromInternal<A, E, Rejected>(pile))
      }))) as Effect.Effect<GreenPile<A, E, Rejected>, never, Scope.Scope>
  }
}

const fromInternal = <A, E, Rejected>(pile: Pile<A, E>): GreenPile<A, E, Rejected> => ({
  // What a job needs and whether the pool has bounds is known to the type only.
  spawn: dual(
    Effect.isEffect,
    (effect, options) =>
      Effect.withFiber((fiber) =>
        Effect.asVoid(spawn(new Entry(pile).makeJob(fiber, effect as Effect.Effect<A, E, unknown>, options)))
      )
  ) as unknown as GreenPile<A, E, Rejected>["spawn"],
  next: pile.read((exit) => Exit.map(exit, Option.some), Effect.succeedNone),
  results: toStream(pile.read((exit) => Exit.map(exit, Arr.of), Cause.done())),
  exits: toStream<Exit.Exit<A, E>, never>(pile.read((exit) => Effect.succeed(Arr.of(exit)), Cause.done()))
})

const toStream = <A, E>(pull: Pull.Pull<Arr.NonEmptyReadonlyArray<A>, E>): Stream.Stream<A, E> =>
  Stream.fromPull(Effect.succeed(pull))

/** A result that is outstanding: from `spawn` until it is read. */
class Entry<A, E> extends Node implements JobListener<A, E> {
  /** Until it has ended: a result that waits to be read keeps nothing else of it. */
  job: SpawnJob<A, E> | undefined = undefined
  /** Its position in the order of `spawn`. */
  number = 0
  exit: Exit.Exit<A, E> | undefined = undefined
  private readonly pile: Pile<A, E>

  constructor(pile: Pile<A, E>) {
    super()
    this.pile = pile
  }

  makeJob(
    spawner: Fiber.Fiber<unknown, unknown>,
    effect: Effect.Effect<A, E, unknown>,
    options?: JobOptions
  ): SpawnJob<A, E> {
    const { jobs, pool } = this.pile
    return this.job = new SpawnJob(pool, jobs, spawner, effect, options, this)
  }

  get isRefused(): boolean {
    return this.pile.isClosed
  }

  onEnter(): void {
    this.pile.add(this)
  }

  onExit(exit: Exit.Exit<A, E>): void {
    this.exit = exit
    this.job = undefined
    this.pile.serve()
  }

  onDrop(): void {
    this.leave()
    this.pile.serve()
  }
}

/** A fiber that waits for the next result. */
class Reader<A, E> extends Node {
  /** Resumes it with an exit, with nothing if nothing is outstanding, or with interruption. */
  readonly give: (exit: Exit.Exit<A, E> | "none" | "closed") => void
  /** What was given, until the reader's fiber has gone on with it. */
  entry: Entry<A, E> | undefined = undefined

  constructor(give: (exit: Exit.Exit<A, E> | "none" | "closed") => void) {
    super()
    this.give = give
  }
}

class Pile<A, E> implements JobGroup {
  readonly pool: Pool
  readonly jobs = new LinkedList<Job>()
  isClosed = false
  private readonly entries = new LinkedList<Entry<A, E>>()
  private readonly readers = new LinkedList<Reader<A, E>>()
  private spawned = 0

  constructor(pool: Pool) {
    this.pool = pool
    pool.groups.add(this)
  }

  add(entry: Entry<A, E>): void {
    entry.number = ++this.spawned
    this.entries.push(entry)
  }

  /** Waits for the next exit and goes on with `onExit`, or with `none` if nothing is outstanding. */
  read<B, E2, C, E3>(
    onExit: (exit: Exit.Exit<A, E>) => Effect.Effect<B, E2>,
    none: Effect.Effect<C, E3>
  ): Effect.Effect<B | C, E2 | E3> {
    return Effect.callback((resume) => {
      if (this.pool.gate.isShut) return resume(this.pool.gate.refuse)
      const reader = new Reader<A, E>((exit) => {
        if (exit === "closed") return resume(Effect.interrupt)
        if (exit === "none") return resume(none)
        if (!Exit.hasInterrupts(exit)) return resume(onExit(exit))
        // An interrupt exit also runs this callback's canceller: forget the entry first, or it is put back.
        resume(Effect.suspend(() => {
          reader.entry = undefined
          return onExit(exit)
        }))
      })
      this.readers.push(reader)
      this.serve()
      return Effect.sync(() => {
        reader.leave()
        const { entry } = reader
        if (entry !== undefined) this.entries.pushBefore(entry, (other) => other.number > entry.number)
        this.serve()
      })
    })
  }

  /** Hands the first results to the first readers. */
  serve(): void {
    for (;;) {
      const reader = this.readers.first
      const entry = this.entries.first
      if (reader === undefined) return
      if (!this.pool.gate.isShut && entry !== undefined && entry.exit === undefined) return
      reader.leave()
      let given: Exit.Exit<A, E> | "none" | "closed" = "closed"
      if (!this.pool.gate.isShut) {
        given = entry?.exit ?? "none"
        entry?.leave()
        reader.entry = entry
      }
      // In a turn of its own: what an observer of its fiber throws costs no other reader its result.
      this.pool.tasks.schedule(() => reader.give(given))
    }
  }

  onPoolChange(): void {
    this.serve()
  }

  /** Interrupts the jobs of the pile and the callers that wait in its `spawn`, and waits for the jobs. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.isClosed = true
    for (const entry of this.entries.toArray()) entry.job?.withdraw()
    return Effect.andThen(
      this.pool.interruptAll(this.jobs.toArray()),
      Effect.sync(() => this.pool.forget(this))
    )
  })
}
