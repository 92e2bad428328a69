/**
 * Durable jobs: described by schemas, written down before they run, run at least once on whichever runner there is.
 *
 * @since 0.1.0
 */
import { GreenPool, type Source } from "@greenpool/core"
import { type Duration, Effect, type Layer, Schema, Stream } from "effect"
import type { Sharding } from "effect/cluster"
import type { SqlClient, SqlError } from "effect/sql"
import { ClusterFailure } from "./ClusterFailure.ts"
import { runBody } from "./internal/job-body.ts"
import { makeLanes } from "./internal/job-client.ts"
import { type AnyCodec, makeEntity } from "./internal/job-lanes.ts"
import { purge } from "./internal/job-purge.ts"

/**
 * The options of `ClusterJob.make`. The schemas must need no services.
 *
 * @category options
 * @since 0.1.0
 */
export interface ClusterJobOptions<
  Payload extends ClusterJob.AnySchema | ClusterJob.Fields,
  Success extends ClusterJob.AnySchema,
  Error extends ClusterJob.AnySchema
> {
  /** What a job is given: a schema, or the fields of a struct. */
  readonly payload: Payload
  /** What a job returns. Default: `Schema.Void`. */
  readonly success?: Success | undefined
  /** What a job can fail with. Default: `Schema.Never`. */
  readonly error?: Error | undefined
  /**
   * Which calls are one job. Of the calls with one key only the first is written down; the others get its result, also
   * when it is long over. A key for every call, such as a fresh UUID in the payload, makes each call a job of its own.
   */
  readonly idempotencyKey: (payload: ClusterJob.SchemaOf<Payload>["Type"]) => string
}

/**
 * The options of `imap`.
 *
 * @category options
 * @since 0.1.0
 */
export interface ClusterMapOptions {
  /** At most so many items are in flight. An integer of at least 1, otherwise a defect of the stream. Default: 64. */
  readonly window?: number | undefined
}

/**
 * A durable job. Any process of the cluster can call it; its body runs on the runners that have its `toLayer`.
 *
 * Each call belongs to one of 64 lanes by its key, and each lane to one runner at a time. A lane starts bodies in the
 * order in which they were written down, and runs them concurrently, each as a job of the runner's `GreenPool`.
 *
 * A body runs at least once: it starts again, from its start, if its runner dies, its lane moves to another runner, or
 * the lease of its slot is lost. A body whose effect must not happen twice passes the key on to whoever performs it.
 *
 * @category models
 * @since 0.1.0
 */
export interface ClusterJob<in In, Payload, A, E> {
  /** The name of the job, by which runners and callers find each other. */
  readonly name: string

  /**
   * Runs the job of this key on a runner, and returns its result or fails with its error. If it runs now, this call
   * joins it; if it has run before, the stored result is returned.
   *
   * A failure is a result: it stays. To try again, retry inside the body, or use another key. A body that dies, or whose
   * result its schema cannot encode, is a defect of its callers. Interrupting the call ends the wait, not the job. Where
   * there is no runner, it waits for one.
   *
   * A call from inside a body waits while that body keeps its slot: if all slots are held by bodies that wait for
   * others, none can run.
   */
  readonly run: (payload: In) => Effect.Effect<A, E | ClusterFailure, Sharding.Sharding>

  /**
   * Writes the job of this key down, and returns. A job with this key that was written down before stays as it is. To
   * get the result, `run` it with the same payload, from whichever process.
   */
  readonly spawn: (payload: In) => Effect.Effect<void, ClusterFailure, Sharding.Sharding>

  /**
   * Maps the items of a source, each by `run`, to a stream of the results in the order of the items, as `GreenPool.imap`
   * does. At most `window` items are in flight, so memory is constant. The first failure in order ends the stream, after
   * all results before it. Leaving the stream early takes nothing more from the source; jobs that were written down go
   * on.
   *
   * A stream that is run again over the same items, by another process after a crash for example, takes stored results
   * and goes on where there are none.
   */
  readonly imap: <S extends Source<In, unknown, unknown>>(
    source: S,
    options?: ClusterMapOptions
  ) => Stream.Stream<A, E | ClusterFailure | Source.Error<S>, Sharding.Sharding | Source.Services<S>>

  /**
   * Runs the bodies of this job on this runner, as jobs of the `GreenPool`. On a process that is no runner it does
   * nothing. When the layer is closed, bodies that run are interrupted and start again elsewhere.
   *
   * Every runner needs this layer of every job, since each runner has its part of the lanes of all. Calls that a runner
   * without it gets wait for it for a minute (`entityRegistrationTimeout`), and then die.
   *
   * A body that is interrupted by anything else than its runner or its pool, such as by itself, starts again, too.
   */
  readonly toLayer: <R>(
    body: (payload: Payload) => Effect.Effect<A, E, R>
  ) => Layer.Layer<never, never, R | GreenPool | Sharding.Sharding>

  /**
   * Deletes the jobs of this name that ended longer ago than `olderThan`, with their results, and returns how many. What
   * has not run yet stays, whatever its age. Nothing else ever deletes them.
   *
   * A key whose job is deleted is a new one: calling it runs the job again. The tables are those of `effect/cluster` in
   * the database of the `SqlClient`, with the default prefix.
   */
  readonly purge: (options: {
    readonly olderThan: Duration.Input
  }) => Effect.Effect<number, SqlError.SqlError, SqlClient.SqlClient>
}

/**
 * Type helpers of the schemas of a job.
 *
 * @category models
 * @since 0.1.0
 */
export declare namespace ClusterJob {
  /**
   * A schema that needs no services.
   *
   * @category models
   * @since 0.1.0
   */
  export type AnySchema = AnyCodec

  /**
   * The fields of a struct, none of which needs services.
   *
   * @category models
   * @since 0.1.0
   */
  export type Fields = { readonly [field: string]: AnySchema }

  /**
   * The schema of a payload: itself, or the struct of its fields.
   *
   * @category models
   * @since 0.1.0
   */
  export type SchemaOf<Payload extends AnySchema | Fields> = Payload extends AnySchema ? Payload
    : Payload extends Schema.Struct.Fields ? Schema.Struct<Payload>
    : never
}

/** The default of `window`: enough to keep a few runners at work, few enough to be constant memory. */
const defaultWindow = 64

/** What the schemas say is known to the type of `ClusterJob.make` only. */
const make = (
  name: string,
  options: ClusterJobOptions<ClusterJob.AnySchema | ClusterJob.Fields, ClusterJob.AnySchema, ClusterJob.AnySchema>
): ClusterJob<unknown, unknown, unknown, unknown> => {
  const payloadSchema = Schema.isSchema(options.payload) ? options.payload : Schema.Struct(options.payload)
  const entity = makeEntity(name, {
    payload: payloadSchema,
    success: options.success ?? Schema.Void,
    error: options.error ?? Schema.Never
  })
  const lanes = makeLanes(entity)
  const failure = Effect.mapError((cause: unknown) => new ClusterFailure({ job: name, cause }))

  // A payload that its schema refuses is a defect.
  const callOf = (input: unknown) =>
    Effect.sync(() => {
      const payload = payloadSchema.make(input)
      return { key: options.idempotencyKey(payload), payload }
    })

  const run = (input: unknown) =>
    Effect.gen(function*() {
      const call = yield* callOf(input)
      const lane = yield* lanes(call.key)
      return yield* Effect.fromResult(yield* failure(lane.run(call)))
    })

  const spawn = (input: unknown) =>
    Effect.gen(function*() {
      const call = yield* callOf(input)
      const lane = yield* lanes(call.key)
      yield* failure(lane.run(call, { discard: true }))
    })

  const imap = (source: Source<unknown, unknown, unknown>, { window = defaultWindow }: ClusterMapOptions = {}) =>
    Stream.unwrap(Effect.map(
      // A wrong window is a defect, as it is in the maps of a pool; 0 is one of the map only.
      Effect.orDie(GreenPool.make({ name, size: window })),
      // Which kind of source it is, and so its errors and services, is known to the caller's type.
      (pool) => pool.imap(run, source as Iterable<unknown>, { window })
    ))

  const toLayer = <R>(body: (payload: unknown) => Effect.Effect<unknown, unknown, R>) =>
    entity.toLayer(
      Effect.map(GreenPool, (pool) => ({
        ready: () => Effect.void,
        run: ({ payload: { key, payload } }) =>
          runBody(pool, Effect.suspend(() => body(payload))).pipe(
            Effect.result,
            Effect.annotateLogs({ job: name, key })
          )
      })),
      // A body that waits for a slot holds up no other of its lane, and neither does one that dies.
      { concurrency: "unbounded", disableFatalDefects: true }
    ) as Layer.Layer<never, never, R | GreenPool | Sharding.Sharding>

  return {
    name,
    run,
    spawn,
    imap: imap as ClusterJob<unknown, unknown, unknown, unknown>["imap"],
    toLayer,
    purge: ({ olderThan }) => purge(entity.type, olderThan)
  }
}

/**
 * Describes durable jobs.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ClusterJob: {
  /**
   * Describes a job. It does nothing by itself: the runners need its `toLayer`. The name and the schemas are what
   * processes have in common, and what is stored: a schema can change only so that it still decodes what is there.
   *
   * ```ts import.meta.vitest
   * import { ClusterJob } from "@greenpool/cluster"
   * import * as NodeCluster from "@greenpool/cluster/node"
   * import { GreenPool } from "@greenpool/core"
   * import { Effect, Layer, Schema } from "effect"
   *
   * const Shout = ClusterJob.make("shout", {
   *   payload: { id: Schema.Int, text: Schema.String },
   *   success: Schema.String,
   *   idempotencyKey: ({ id }) => String(id)
   * })
   *
   * const ShoutLive = Shout.toLayer(({ text }) => Effect.succeed(text.toUpperCase())).pipe(
   *   Layer.provide(GreenPool.layer({ size: 4 })),
   *   Layer.provideMerge(NodeCluster.layerEmbedded())
   * )
   *
   * const program = Effect.all([
   *   Shout.run({ id: 1, text: "hello" }),
   *   // The same key: the same job.
   *   Shout.run({ id: 1, text: "goodbye" })
   * ])
   *
   * console.log(await Effect.runPromise(Effect.provide(program, ShoutLive))) // prints [ 'HELLO', 'HELLO' ]
   * ```
   */
  readonly make: <
    const Payload extends ClusterJob.AnySchema | ClusterJob.Fields,
    Success extends ClusterJob.AnySchema = Schema.Void,
    Error extends ClusterJob.AnySchema = Schema.Never
  >(
    name: string,
    options: ClusterJobOptions<Payload, Success, Error>
  ) => ClusterJob<
    ClusterJob.SchemaOf<Payload>["~type.make.in"],
    ClusterJob.SchemaOf<Payload>["Type"],
    Success["Type"],
    Error["Type"]
  >
} = { make: make as never }
