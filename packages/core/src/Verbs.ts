/**
 * The verbs: what can be done with a pool, in one description for pools and for their keys.
 *
 * @since 0.1.0
 */
import type { Duration, Effect, Exit, Fiber, Option, Scope, Stream } from "effect"
import type { CallRejection, JobOptions, KeyOptions } from "./Admission.ts"
import type { KeyStats } from "./KeyStats.ts"
import type { MapOptions } from "./MapOptions.ts"
import type { InvalidPoolSize } from "./PoolSize.ts"
import type { PoolStats } from "./PoolStats.ts"
import type { Slot } from "./Slot.ts"
import type { Items, Source } from "./Source.ts"

/**
 * The verbs of a pool, which are also the verbs of its key. A pool is `Verbs<never, Rejected>`. A key needs its pool
 * from the context, so it is `Verbs<I, Rejected>` with its own identifier as `I`. `Rejected` is what the bounds of the
 * pool can fail a call with: `PoolFull` or `never`.
 *
 * Verbs that take a job, a stream or a source are data-first (`pool.run(job, options)`) or data-last
 * (`job.pipe(pool.run)`, `job.pipe(pool.run(options))`). They can be passed around unbound, also where the caller adds
 * an index: `Effect.forEach(jobs, pool.run)`, `jobs.map(pool.run)`.
 *
 * All of them can be used from any number of fibers. On a closed pool they end with interruption immediately, except
 * the counters, `stats`, `keys` and `changes`, which can still be read.
 *
 * @category models
 * @since 0.1.0
 */
export interface Verbs<out I, out Rejected = never> {
  /**
   * Waits for a slot, runs the job in the caller's own fiber, and returns its result.
   *
   * When to use: by default, whenever the caller needs the result. To start a job and go on, use `spawn` or `spawnN`.
   *
   * The slot is kept until the effect and its finalizers are over. Inside a job of the same pool, when no slot is free,
   * it borrows the slot of the job around it, so that jobs can nest at any size. Interruption while it waits leaves the
   * queue and loses nothing; afterwards it interrupts the job and waits for its finalizers.
   *
   * Fails with the errors of the job, and with `PoolFull` if the pool has bounds or the call has a `maxWait`. O(1); with
   * keys or priorities O(log n) in the number of waiting callers. Effect's `Semaphore.withPermit`; eventlet has no name
   * for it.
   *
   * ```ts import.meta.vitest
   * import { GreenPool } from "@greenpool/core"
   * import { Effect } from "effect"
   *
   * const program = Effect.gen(function*() {
   *   const pool = yield* GreenPool.make({ size: 2 })
   *   const jobs = [1, 2, 3].map((n) => Effect.succeed(n * n))
   *   // All jobs ask for a slot, and two run concurrently.
   *   return yield* Effect.forEach(jobs, pool.run, { concurrency: "unbounded" })
   * })
   *
   * console.log(await Effect.runPromise(Effect.scoped(program))) // prints [ 1, 4, 9 ]
   * ```
   */
  readonly run: <Arg extends AnyJob = DataLast, MaxWait extends Duration.Input | undefined = never>(
    effectOrOptions: Arg | JobOptions<MaxWait>,
    options?: JobOptions<MaxWait> | number
  ) => Dual<
    Arg,
    <A, E, R>(
      effect: Effect.Effect<A, E, R>
    ) => Effect.Effect<A, E | Rejected | CallRejection<JobOptions<MaxWait>>, R | I>,
    Effect.Effect<
      Effect.Success<Arg>,
      Effect.Error<Arg> | Rejected | CallRejection<JobOptions<MaxWait>>,
      Effect.Services<Arg> | I
    >
  >

  /**
   * Waits for a slot, then starts the job in a fiber of its own, and returns that fiber.
   *
   * When to use: to go on while the job runs, and to join or interrupt it later. If nobody needs the result, use
   * `spawnN`.
   *
   * The job starts when the spawning fiber yields next, after all jobs that were spawned before it. It inherits the
   * spawner's services, log annotations and span, outlives the spawner, and ends at the latest when the pool closes. Its
   * failure is the failure of its fiber: it surfaces where the fiber is joined.
   *
   * Inside a job of a full pool, the new job borrows the slot of the job around it, and `spawn` then returns when the
   * new job has ended. Such a job must not wait for anything that its spawner does later. In a loop of `spawn`, only the
   * current call is in the queue, so keys and priorities have nothing to choose from: fork `run` for each job instead.
   *
   * Interruption while it waits leaves the queue and loses nothing. While the new job runs on a borrowed slot, it
   * interrupts the job and waits for its end. After `spawn` has returned, it doesn't touch the job.
   *
   * Fails with `PoolFull` if the pool has bounds or the call has a `maxWait`. O(1); with keys or priorities O(log n) in
   * the number of waiting callers. eventlet's `GreenPool.spawn`.
   *
   * ```ts import.meta.vitest
   * import { GreenPool } from "@greenpool/core"
   * import { Effect, Fiber } from "effect"
   *
   * const program = Effect.gen(function*() {
   *   const pool = yield* GreenPool.make({ size: 2 })
   *   const fiber = yield* pool.spawn(Effect.delay(Effect.succeed("report"), "1 millis"))
   *   console.log("in the meantime")
   *   console.log(yield* Fiber.join(fiber))
   * })
   *
   * await Effect.runPromise(Effect.scoped(program))
   * // prints:
   * // in the meantime
   * // report
   * ```
   */
  readonly spawn: <Arg extends AnyJob = DataLast, MaxWait extends Duration.Input | undefined = never>(
    effectOrOptions: Arg | JobOptions<MaxWait>,
    options?: JobOptions<MaxWait> | number
  ) => Dual<
    Arg,
    <A, E, R>(
      effect: Effect.Effect<A, E, R>
    ) => Effect.Effect<Fiber.Fiber<A, E>, Rejected | CallRejection<JobOptions<MaxWait>>, R | I>,
    Effect.Effect<
      Fiber.Fiber<Effect.Success<Arg>, Effect.Error<Arg>>,
      Rejected | CallRejection<JobOptions<MaxWait>>,
      Effect.Services<Arg> | I
    >
  >

  /**
   * Waits for a slot, then starts the job in a fiber of its own. The result can't be retrieved.
   *
   * When to use: for jobs that are run for their effects only, such as the pages that a crawler finds. A failure or
   * defect of the job is logged exactly once, at level `Error`, with its cause, the log annotations of the spawner and
   * the annotation `pool`. Its interruption isn't logged.
   *
   * In all other respects it is `spawn`: when it waits, when the job starts, what interruption does, and what it fails
   * with. eventlet's `GreenPool.spawn_n`.
   *
   * ```ts import.meta.vitest
   * import { GreenPool } from "@greenpool/core"
   * import { Effect } from "effect"
   *
   * const program = Effect.gen(function*() {
   *   const pool = yield* GreenPool.make({ size: 2 })
   *   for (const page of ["/a", "/b", "/c"]) {
   *     // Waits for a slot, so the loop goes at the pace of the pool.
   *     yield* pool.spawnN(Effect.sync(() => console.log(`fetched ${page}`)))
   *   }
   *   yield* pool.waitall
   * })
   *
   * await Effect.runPromise(Effect.scoped(program))
   * // prints:
   * // fetched /a
   * // fetched /b
   * // fetched /c
   * ```
   */
  readonly spawnN: <Arg extends AnyJob = DataLast, MaxWait extends Duration.Input | undefined = never>(
    effectOrOptions: Arg | JobOptions<MaxWait>,
    options?: JobOptions<MaxWait> | number
  ) => Dual<
    Arg,
    <A, E, R>(
      effect: Effect.Effect<A, E, R>
    ) => Effect.Effect<void, Rejected | CallRejection<JobOptions<MaxWait>>, R | I>,
    Effect.Effect<void, Rejected | CallRejection<JobOptions<MaxWait>>, Effect.Services<Arg> | I>
  >

  /**
   * Runs the job as `run` does if a slot is free and the queue is empty. Otherwise returns `Option.none()` immediately,
   * and runs nothing.
   *
   * When to use: for work that can be skipped while the pool is busy, such as a refresh or a probe.
   *
   * It never waits and never borrows: inside a job of a full pool it returns `Option.none()`. That doesn't count as
   * rejected. Fails with the errors of the job only. O(1). Effect's `Semaphore.withPermitsIfAvailable`; eventlet has no
   * name for it.
   *
   * ```ts import.meta.vitest
   * import { GreenPool } from "@greenpool/core"
   * import { Effect, Option } from "effect"
   *
   * const program = Effect.gen(function*() {
   *   const pool = yield* GreenPool.make({ size: 1 })
   *   const probe = pool.runIfAvailable(Effect.succeed("up"))
   *   console.log(Option.getOrElse(yield* probe, () => "busy")) // prints up
   *   console.log(Option.getOrElse(yield* pool.run(probe), () => "busy")) // prints busy
   * })
   *
   * await Effect.runPromise(Effect.scoped(program))
   * ```
   */
  readonly runIfAvailable: <Arg extends AnyJob = DataLast>(
    effectOrOptions: Arg | KeyOptions,
    options?: KeyOptions | number
  ) => Dual<
    Arg,
    <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Option.Option<A>, E, R | I>,
    Effect.Effect<Option.Option<Effect.Success<Arg>>, Effect.Error<Arg>, Effect.Services<Arg> | I>
  >

  /**
   * Starts the job as `spawn` does if a slot is free and the queue is empty. Otherwise returns `Option.none()`
   * immediately, and starts nothing.
   *
   * When to use: for background work that can be skipped while the pool is busy.
   *
   * It never waits and never borrows: inside a job of a full pool it returns `Option.none()`. That doesn't count as
   * rejected. It can't fail; the failure of the job surfaces where its fiber is joined. O(1). eventlet has no name for
   * it.
   *
   * ```ts import.meta.vitest
   * import { GreenPool } from "@greenpool/core"
   * import { Effect, Option } from "effect"
   *
   * const program = Effect.gen(function*() {
   *   const pool = yield* GreenPool.make({ size: 1 })
   *   const refresh = Effect.never
   *   console.log(Option.isSome(yield* pool.spawnIfAvailable(refresh))) // prints true
   *   console.log(Option.isSome(yield* pool.spawnIfAvailable(refresh))) // prints false
   * })
   *
   * await Effect.runPromise(Effect.scoped(program))
   * ```
   */
  readonly spawnIfAvailable: <Arg extends AnyJob = DataLast>(
    effectOrOptions: Arg | KeyOptions,
    options?: KeyOptions | number
  ) => Dual<
    Arg,
    <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<Option.Option<Fiber.Fiber<A, E>>, never, R | I>,
    Effect.Effect<
      Option.Option<Fiber.Fiber<Effect.Success<Arg>, Effect.Error<Arg>>>,
      never,
      Effect.Services<Arg> | I
    >
  >

  /**
   * Waits for a slot and takes it, until the scope closes.
   *
   * When to use: for a resource that occupies a slot as long as it lives, such as a connection or a session. For one
   * effect use `run`, for a stream `runStream`.
   *
   * It is a job like any other: it counts as started and running, and it ends with the exit with which the scope
   * closes. The slot is taken in the same step as its release is added to the scope. What runs in `slot.within` is
   * inside the job, so its nested calls can borrow the slot; calls outside `within` wait for another one. Interruption
   * while it waits leaves the queue and loses nothing. Closing the pool interrupts the callers that wait and what runs
   * within, takes the slot back, and doesn't wait for the scope.
   *
   * Fails with `PoolFull` if the pool has bounds or the call has a `maxWait`. O(1); with keys or priorities O(log n) in
   * the number of waiting callers. Effect's `Semaphore.takeScoped`; eventlet has no name for it.
   *
   * ```ts import.meta.vitest
   * import { GreenPool } from "@greenpool/core"
   * import { Effect } from "effect"
   *
   * const program = Effect.gen(function*() {
   *   const pool = yield* GreenPool.make({ size: 1 })
   *   const session = Effect.gen(function*() {
   *     const slot = yield* pool.takeScoped()
   *     console.log(yield* pool.free) // prints 0
   *     return yield* slot.within(Effect.succeed("answer"))
   *   })
   *   console.log(yield* Effect.scoped(session)) // prints answer
   *   console.log(yield* pool.free) // prints 1
   * })
   *
   * await Effect.runPromise(Effect.scoped(program))
   * ```
   */
  readonly takeScoped: <MaxWait extends Duration.Input | undefined = never>(
    options?: JobOptions<MaxWait>
  ) => Effect.Effect<Slot, Rejected | CallRejection<JobOptions<MaxWait>>, Scope.Scope | I>

  /**
   * The same stream, which holds a slot from its first pull to its end.
   *
   * When to use: for work that streams, such as a response body, the rows of a query or the output of a child process.
   * `run` would return the slot as soon as the stream exists, before it has been read.
   *
   * The stream waits for a slot when it is first pulled, is pulled inside the job that holds the slot, and returns the
   * slot when it has ended, failed or been left, after its finalizers. A stream that isn't read holds nothing. A slow
   * reader keeps the slot. Interruption while it waits leaves the queue and loses nothing.
   *
   * Gotcha: jobs of the same pool that run for each element need slots of their own. On a pool of size 1, and inside a
   * job of a full pool, whose slot the stream has borrowed, they wait until the stream ends: use another pool for them.
   *
   * Fails with the errors of the stream, and with `PoolFull` if the pool has bounds or the call has a `maxWait`. O(1)
   * for the whole stream; with keys or priorities O(log n) in the number of waiting callers. eventlet has no name for
   * it.
   *
   * ```ts import.meta.vitest
   * import { GreenPool } from "@greenpool/core"
   * import { Effect, Stream } from "effect"
   *
   * const program = Effect.gen(function*() {
   *   const pool = yield* GreenPool.make({ size: 1 })
   *   const rows = pool.runStream(Stream.make("row 1", "row 2"))
   *   yield* Stream.runForEach(rows, (row) => Effect.map(pool.free, (free) => console.log(row, free)))
   *   console.log(yield* pool.free)
   * })
   *
   * await Effect.runPromise(Effect.scoped(program))
   * // prints:
   * // row 1 0
   * // row 2 0
   * // 1
   * ```
   */
  readonly runStream: <Arg extends AnyStream = DataLast, MaxWait extends Duration.Input | undefined = never>(
    streamOrOptions: Arg | JobOptions<MaxWait>,
    options?: JobOptions<MaxWait> | number
  ) => Dual<
    Arg,
    <A, E, R>(
      stream: Stream.Stream<A, E, R>
    ) => Stream.Stream<A, E | Rejected | CallRejection<JobOptions<MaxWait>>, R | I>,
    Stream.Stream<
      Stream.Success<Arg>,
      Stream.Error<Arg> | Rejected | CallRejection<JobOptions<MaxWait>>,
      Stream.Services<Arg> | I
    >
  >

  /**
   * Maps the items of the sources, each in a job of the pool, to a stream of the results in the order of the items.
   * Several sources are zipped; the shortest ends them. Options come last: `pool.imap(f, source, options)`. Without a
   * source it is data-last, for one stream: `stream.pipe(pool.imap(f))`, `stream.pipe(pool.imap(f, options))`.
   *
   * When to use: for inputs of any length, even without an end, whose results are needed in order. For an array of
   * jobs, `Effect.forEach(jobs, pool.run, { concurrency: "unbounded" })` does.
   *
   * Memory is constant: at most `window` items (default: `max(1, size)`) are in flight, from being taken out of the source
   * until the result is emitted, in addition to what a stream delivers in one chunk. Results that are ready are emitted
   * as one chunk. Nothing is taken before the stream is read, and a slow reader stops the taking.
   *
   * The first failure in order ends the stream, after all results before it; so does a failure of a source. Jobs in
   * flight are then interrupted and awaited, as they are when the stream is left early or interrupted, and the sources
   * are closed. Behind a slow item the window fills with results and slots become idle: use a larger `window`, or
   * `imapUnordered`. An `f` that throws, an iterator that throws, and an argument that is neither a source nor options are
   * defects.
   *
   * Its jobs are jobs like any other: they count as running, obey `resize`, and are waited for by `waitall`. The map has one place
   * in the queue, to which the pool's bounds don't apply. O(1) per item. eventlet's `GreenPool.imap`, which runs on a
   * hidden pool of its own.
   *
   * ```ts import.meta.vitest
   * import { GreenPool } from "@greenpool/core"
   * import { Effect, Stream } from "effect"
   *
   * const program = Effect.gen(function*() {
   *   const pool = yield* GreenPool.make({ size: 2 })
   *   const line = (n: number, text: string) => Effect.succeed(`${n} ${text}`)
   *   return yield* Stream.runCollect(pool.imap(line, [1, 2], ["a", "b", "c"]))
   * })
   *
   * console.log(await Effect.runPromise(Effect.scoped(program))) // prints [ '1 a', '2 b' ]
   * ```
   */
  readonly imap: <X, A, E, R, Args extends ReadonlyArray<unknown> = [MapOptions]>(
    f: (...items: ItemsOf<Args, X>) => Effect.Effect<A, E, R>,
    ...sourcesAndOptions: SourcesAndOptions<Args>
  ) => MapResult<Args, X, A, E, R | I>

  /**
   * Maps as `imap` does, but emits the results as the jobs finish. The first failure to happen ends the stream.
   *
   * When to use: where the order doesn't matter, so that a slow item holds nothing up. A result doesn't say which item it
   * belongs to: return both from `f`. eventlet has no name for it.
   *
   * ```ts import.meta.vitest
   * import { GreenPool } from "@greenpool/core"
   * import { Effect, Stream } from "effect"
   *
   * const program = Effect.gen(function*() {
   *   const pool = yield* GreenPool.make({ size: 2 })
   *   const after = (millis: number) => Effect.as(Effect.sleep(millis), millis)
   *   return yield* Stream.runCollect(pool.imapUnordered(after, [50, 1]))
   * })
   *
   * console.log(await Effect.runPromise(Effect.scoped(program))) // prints [ 1, 50 ]
   * ```
   */
  readonly imapUnordered: <X, A, E, R, Args extends ReadonlyArray<unknown> = [MapOptions]>(
    f: (...items: ItemsOf<Args, X>) => Effect.Effect<A, E, R>,
    ...sourcesAndOptions: SourcesAndOptions<Args>
  ) => MapResult<Args, X, A, E, R | I>

  /**
   * Maps as `imap` does, but emits the exit of each job, so that a failing job doesn't end the stream. Only a failure of
   * a source does.
   *
   * When to use: for batches that go on after a failed item, and need the results in order; `Promise.allSettled` with a
   * limit. An exit doesn't say which item it belongs to: to know that, use `imap` with an `f` that returns the item and
   * the `Effect.exit` of its job. eventlet has no name for it.
   *
   * ```ts import.meta.vitest
   * import { GreenPool } from "@greenpool/core"
   * import { Effect, Stream } from "effect"
   *
   * const program = Effect.gen(function*() {
   *   const pool = yield* GreenPool.make({ size: 2 })
   *   const half = (n: number) => n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail("odd")
   *   yield* Stream.runForEach(pool.imapExit(half, [1, 2]), (exit) => Effect.sync(() => console.log(exit._tag)))
   * })
   *
   * await Effect.runPromise(Effect.scoped(program))
   * // prints:
   * // Failure
   * // Success
   * ```
   */
  readonly imapExit: <X, A, E, R, Args extends ReadonlyArray<unknown> = [MapOptions]>(
    f: (...items: ItemsOf<Args, X>) => Effect.Effect<A, E, R>,
    ...sourcesAndOptions: SourcesAndOptions<Args>
  ) => MapResult<Args, X, Exit.Exit<A, E>, never, R | I>

  /**
   * Maps as `imapExit` does, but emits the exits as the jobs finish.
   *
   * When to use: for batches that go on after a failed item, where the order doesn't matter. eventlet has no name for
   * it.
   *
   * ```ts import.meta.vitest
   * import { GreenPool } from "@greenpool/core"
   * import { Effect, Stream } from "effect"
   *
   * const program = Effect.gen(function*() {
   *   const pool = yield* GreenPool.make({ size: 2 })
   *   const job = (n: number) => n === 1 ? Effect.as(Effect.sleep("20 millis"), n) : Effect.fail("no")
   *   yield* Stream.runForEach(pool.imapExitUnordered(job, [1, 2]), (exit) => Effect.sync(() => console.log(exit._tag)))
   * })
   *
   * await Effect.runPromise(Effect.scoped(program))
   * // prints:
   * // Failure
   * // Success
   * ```
   */
  readonly imapExitUnordered: <X, A, E, R, Args extends ReadonlyArray<unknown> = [MapOptions]>(
    f: (...items: ItemsOf<Args, X>) => Effect.Effect<A, E, R>,
    ...sourcesAndOptions: SourcesAndOptions<Args>
  ) => MapResult<Args, X, Exit.Exit<A, E>, never, R | I>

  /**
   * Maps as `imap` does, for one source whose items are tuples: each is spread over the parameters of `f`, which may
   * have fewer parameters than the tuples have elements.
   *
   * When to use: where the arguments come in pairs or rows, such as the entries of a `Map`. eventlet's
   * `GreenPool.starmap`.
   *
   * ```ts import.meta.vitest
   * import { GreenPool } from "@greenpool/core"
   * import { Effect, Stream } from "effect"
   *
   * const program = Effect.gen(function*() {
   *   const pool = yield* GreenPool.make({ size: 2 })
   *   const stock = new Map([["apples", 3], ["pears", 5]])
   *   return yield* Stream.runCollect(pool.starmap((fruit, n) => Effect.succeed(`${n} ${fruit}`), stock))
   * })
   *
   * console.log(await Effect.runPromise(Effect.scoped(program))) // prints [ '3 apples', '5 pears' ]
   * ```
   */
  readonly starmap: {
    <Args extends ReadonlyArray<unknown>, A, E, R>(
      f: (...args: Args) => Effect.Effect<A, E, R>
    ): StarmapPipe<Args, A, E, R | I>
    <Args extends ReadonlyArray<unknown>, A, E, R, S extends AnyTuples = DataLast>(
      f: (...args: Dual<S, Args, Spread<Source.Item<S>>>) => Effect.Effect<A, E, R>,
      sourceOrOptions: S | MapOptions,
      options?: MapOptions
    ): Dual<
      S,
      StarmapPipe<Args, A, E, R | I>,
      Stream.Stream<A, E | Source.Error<S>, R | Source.Services<S> | I>
    >
  }

  /**
   * Waits for a moment in which no slot is held and nobody waits for one. It can be used any number of times.
   *
   * When to use: to know that everything that was started is done, such as a crawl.
   *
   * Results of maps and piles that haven't been read don't count. On a paused pool with callers in the queue it waits.
   * Inside a job of the pool, also in fibers that the job forked, it could never return, so it is a defect immediately.
   * Interruption loses nothing. O(1). eventlet's `GreenPool.waitall`.
   *
   * ```ts import.meta.vitest
   * import { GreenPool } from "@greenpool/core"
   * import { Effect } from "effect"
   *
   * const program = Effect.gen(function*() {
   *   const pool = yield* GreenPool.make({ size: 2 })
   *   const visit = (n: number): Effect.Effect<void> =>
   *     Effect.suspend(() => {
   *       console.log(n)
   *       return n < 3 ? pool.spawnN(visit(n + 1)) : Effect.void
   *     })
   *   yield* pool.spawnN(visit(1))
   *   yield* pool.waitall
   *   console.log("done")
   * })
   *
   * await Effect.runPromise(Effect.scoped(program))
   * // prints:
   * // 1
   * // 2
   * // 3
   * // done
   * ```
   */
  readonly waitall: Effect.Effect<void, never, I>

  /**
   * Changes the size of the pool.
   *
   * When to use: to follow what the other side can take, or to pause the pool (size 0) and go on later.
   *
   * Growing serves exactly as many callers from the queue as fit, in order, immediately. Shrinking never touches what
   * runs: nobody gets a slot until fewer than the new size are held. At size 0 everybody waits, except that nested jobs
   * go on borrowing. It doesn't wait.
   *
   * Fails with `InvalidPoolSize` if the size isn't a non-negative safe integer; the pool then stays as it was. O(1) for
   * each caller that it serves. eventlet's `GreenPool.resize`.
   *
   * ```ts import.meta.vitest
   * import { GreenPool } from "@greenpool/core"
   * import { Effect, Fiber } from "effect"
   *
   * const program = Effect.gen(function*() {
   *   const pool = yield* GreenPool.make({ size: 0 })
   *   const caller = yield* Effect.forkChild(pool.run(Effect.succeed("served")))
   *   yield* pool.resize(1)
   *   console.log(yield* Fiber.join(caller)) // prints served
   * })
   *
   * await Effect.runPromise(Effect.scoped(program))
   * ```
   */
  readonly resize: (size: number) => Effect.Effect<void, InvalidPoolSize, I>

  /**
   * How many jobs may hold a slot concurrently.
   *
   * When to use: to read back what `resize`, a configuration or an adaptive pool has set. O(1). eventlet's
   * `GreenPool.size`.
   *
   * ```ts import.meta.vitest
   * import { GreenPool } from "@greenpool/core"
   * import { Effect } from "effect"
   *
   * const program = Effect.flatMap(GreenPool.make({ size: 2 }), (pool) => Effect.andThen(pool.resize(3), pool.size))
   *
   * console.log(await Effect.runPromise(Effect.scoped(program))) // prints 3
   * ```
   */
  readonly size: Effect.Effect<number, never, I>

  /**
   * `size - running`: how many slots are free, negative after a shrink below what runs.
   *
   * When to use: to show it, or to decide whether more work should be fetched. To take a slot only if one is free, use
   * `runIfAvailable`: between reading and taking, another caller may come. O(1). eventlet's `GreenPool.free`.
   *
   * ```ts import.meta.vitest
   * import { GreenPool } from "@greenpool/core"
   * import { Effect } from "effect"
   *
   * const program = Effect.flatMap(GreenPool.make({ size: 2 }), (pool) => pool.run(pool.free))
   *
   * console.log(await Effect.runPromise(Effect.scoped(program))) // prints 1
   * ```
   */
  readonly free: Effect.Effect<number, never, I>

  /**
   * How many jobs hold a slot, not counting nested jobs on borrowed slots.
   *
   * When to use: to show it. To wait until nothing runs and nothing waits, use `waitall`. O(1). eventlet's
   * `GreenPool.running`.
   *
   * ```ts import.meta.vitest
   * import { GreenPool } from "@greenpool/core"
   * import { Effect } from "effect"
   *
   * const program = Effect.flatMap(GreenPool.make({ size: 2 }), (pool) => pool.run(pool.running))
   *
   * console.log(await Effect.runPromise(Effect.scoped(program))) // prints 1
   * ```
   */
  readonly running: Effect.Effect<number, never, I>

  /**
   * How many callers are in the queue; a map is one caller.
   *
   * When to use: to show it, or to notice overload early. To bound it, use `maxWaiting`. O(1). eventlet's
   * `GreenPool.waiting`.
   *
   * ```ts import.meta.vitest
   * import { GreenPool } from "@greenpool/core"
   * import { Effect } from "effect"
   *
   * const program = Effect.gen(function*() {
   *   const pool = yield* GreenPool.make({ size: 1 })
   *   for (let i = 0; i < 3; i++) yield* Effect.forkChild(pool.run(Effect.never))
   *   yield* Effect.yieldNow
   *   return yield* pool.waiting
   * })
   *
   * console.log(await Effect.runPromise(Effect.scoped(program))) // prints 2
   * ```
   */
  readonly waiting: Effect.Effect<number, never, I>

  /**
   * All counters of the same moment.
   *
   * When to use: wherever two figures must agree. For one figure there is `size`, `free`, `running` and `waiting`. O(1).
   *
   * ```ts import.meta.vitest
   * import { GreenPool } from "@greenpool/core"
   * import { Effect } from "effect"
   *
   * const program = Effect.gen(function*() {
   *   const pool = yield* GreenPool.make({ size: 2 })
   *   yield* pool.run(Effect.void)
   *   yield* pool.spawn(Effect.never)
   *   const { running, started, succeeded } = yield* pool.stats
   *   return { running, started, succeeded }
   * })
   *
   * console.log(await Effect.runPromise(Effect.scoped(program))) // prints { running: 1, started: 2, succeeded: 1 }
   * ```
   */
  readonly stats: Effect.Effect<PoolStats, never, I>

  /**
   * The keys that have callers in the queue or jobs running, with what they use. An empty array while no keys are in
   * use.
   *
   * When to use: to see which tenant occupies the pool, and which one waits. O(keys), and free while nobody asks.
   *
   * ```ts import.meta.vitest
   * import { GreenPool } from "@greenpool/core"
   * import { Effect } from "effect"
   *
   * const program = Effect.gen(function*() {
   *   const pool = yield* GreenPool.make({ size: 1 })
   *   for (const key of ["tenant 1", "tenant 2"]) yield* Effect.forkChild(pool.run(Effect.never, { key }))
   *   yield* Effect.yieldNow
   *   for (const { key, running, waiting } of yield* pool.keys) console.log(key, running, waiting)
   * })
   *
   * await Effect.runPromise(Effect.scoped(program))
   * // prints:
   * // tenant 1 1 0
   * // tenant 2 0 1
   * ```
   */
  readonly keys: Effect.Effect<ReadonlyArray<KeyStats>, never, I>

  /**
   * Emits the current stats, then each new state: at most one per turn of the event loop, each different from the one
   * before. It ends after the last state of the closed pool.
   *
   * When to use: to watch the pool, as a progress bar or a dashboard does. For one look there is `stats`.
   *
   * Each run of the stream starts with the current stats. A slow reader skips to the newest state, and holds nobody up.
   * It costs nothing while nobody waits for it. Read to its end inside a job, it holds up a close that drains, since
   * that waits for the job. Interruption loses nothing. eventlet has no name for it.
   *
   * ```ts import.meta.vitest
   * import { GreenPool } from "@greenpool/core"
   * import { Effect, Stream } from "effect"
   *
   * const program = Effect.gen(function*() {
   *   const pool = yield* GreenPool.make({ size: 1 })
   *   for (let i = 0; i < 3; i++) yield* Effect.forkChild(pool.run(Effect.sleep("20 millis")))
   *   // Waits until one of the three is left.
   *   yield* pool.changes.pipe(Stream.takeUntil(({ succeeded }) => succeeded === 2), Stream.runDrain)
   *   return yield* pool.stats
   * })
   *
   * console.log((await Effect.runPromise(Effect.scoped(program))).succeeded) // prints 2
   * ```
   */
  readonly changes: Stream.Stream<PoolStats, never, I>
}

declare const DataLast: unique symbol

/**
 * Stands for data that a pipe will bring. No value has this type.
 *
 * @internal
 */
export interface DataLast {
  readonly [DataLast]: never
}

// The names of these types are what the compiler's messages show. Each allows `DataLast`, which is what inference falls
// back to when the only argument is options.
type AnyJob = Effect.Effect<unknown, unknown, unknown> | DataLast

type AnyStream = Stream.Stream<unknown, unknown, unknown> | DataLast

/**
 * What a verb returns: `First` for data, `Last` for options alone. One signature, since overloads would lose the types
 * in `effect.pipe(pool.run)`. It distributes over `Arg`, so that a generic `Arg extends Effect<any, any, any>` counts as
 * data before it is known.
 *
 * @internal
 */
export type Dual<Arg, Last, First, All = Arg> = Arg extends DataLast ? Last : [DataLast] extends [All] ? never : First

/** The arguments of a map as they should be: sources, then options. Wrong ones are reported against these types. */
type SourcesAndOptions<Args extends ReadonlyArray<unknown>> = {
  [K in keyof Args]: Args[K] extends Source.Any ? Args[K]
    : K extends LastIndex<Args> ? Source.Any | MapOptions | (K extends "0" ? never : undefined)
    : Source.Any
}

type LastIndex<Args extends ReadonlyArray<unknown>> = Args extends readonly [unknown, ...infer Rest]
  ? `${Rest["length"] & number}`
  : never

type SourcesOf<Args extends ReadonlyArray<unknown>> = Args extends readonly [...infer Rest, infer Last]
  ? [Last] extends [Source.Any] ? Args : Rest
  : Args

type ItemsOf<Args extends ReadonlyArray<unknown>, X> = SourcesOf<Args> extends readonly [] ? [item: X]
  : Items<SourcesOf<Args>>

type MapResult<Args extends ReadonlyArray<unknown>, X, A, E, R> = SourcesOf<Args> extends readonly []
  ? <SE, SR>(source: Stream.Stream<X, SE, SR>) => Stream.Stream<A, E | SE, R | SR>
  : Stream.Stream<A, E | Source.Error<SourcesOf<Args>[number]>, R | Source.Services<SourcesOf<Args>[number]>>

// The empty tuple has array literals inferred as tuples.
type AnyTuples = Source<ReadonlyArray<unknown> | readonly [], unknown, unknown> | DataLast

/** A tuple as parameters. */
type Spread<Tuple> = Tuple extends ReadonlyArray<unknown> ? { -readonly [K in keyof Tuple]: Tuple[K] } : never

type StarmapPipe<Args extends ReadonlyArray<unknown>, A, E, R> = <SE, SR>(
  source: Stream.Stream<Args | Longer<Args>, SE, SR>
) => Stream.Stream<A, E | SE, R | SR>

/** Tuples that start with these arguments. */
type Longer<Args extends ReadonlyArray<unknown>> = number extends Args["length"] ? Readonly<Args>
  : readonly [...Args, ...ReadonlyArray<unknown>]
