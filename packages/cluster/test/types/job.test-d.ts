// What does not compile need not be run.
// @effect-diagnostics floatingEffect:off
import { expectTypeOf } from "@effect/vitest"
import { type ClusterFailure, ClusterJob } from "@greenpool/cluster"
import type { GreenPool, SourceError } from "@greenpool/core"
import { type Effect, type Layer, Schema, type Stream } from "effect"
import type { Sharding } from "effect/cluster"

class Failed extends Schema.TaggedError<Failed>()("Failed", {}) {}

const Thumb = ClusterJob.make("thumb", {
  payload: { id: Schema.String, width: Schema.optionalKey(Schema.Int) },
  success: Schema.Date,
  error: Failed,
  idempotencyKey: ({ id, width }) => `${id} ${width?.toFixed()}`
})

const Plain = ClusterJob.make("plain", { payload: Schema.String, idempotencyKey: (text) => text.trim() })

declare const body: (payload: { readonly id: string; readonly width?: number }) => Effect.Effect<Date, Failed, "R">
declare const stream: Stream.Stream<{ readonly id: string }, "SE", "SR">
declare const asyncIterable: AsyncIterable<{ readonly id: string }>

type NeedsServices = Schema.Codec<string, string, "Service">

// Has the types of its schemas.
expectTypeOf(Thumb.run({ id: "a" })).toEqualTypeOf<Effect.Effect<Date, Failed | ClusterFailure, Sharding.Sharding>>()
expectTypeOf(Thumb.spawn({ id: "a", width: 3 })).toEqualTypeOf<Effect.Effect<void, ClusterFailure, Sharding.Sharding>>()
expectTypeOf(Plain.run("a")).toEqualTypeOf<Effect.Effect<void, ClusterFailure, Sharding.Sharding>>()
// @ts-expect-error: a payload of another type.
Thumb.run({ id: 3 })
// @ts-expect-error: a payload without its field.
Thumb.run({})

// Maps any source, whose errors and services are those of the stream.
type Results<E, R> = Stream.Stream<Date, Failed | ClusterFailure | E, Sharding.Sharding | R>
expectTypeOf(Thumb.imap([{ id: "a" }])).toEqualTypeOf<Results<never, never>>()
expectTypeOf(Thumb.imap(asyncIterable)).toEqualTypeOf<Results<SourceError, never>>()
expectTypeOf(Thumb.imap(stream, { window: 3 })).toEqualTypeOf<Results<"SE", "SR">>()
// @ts-expect-error: items of another type.
Thumb.imap([3])
// @ts-expect-error: an option that does not exist.
Thumb.imap([{ id: "a" }], { windows: 3 })

// Takes a body of its types, and needs what the body needs.
expectTypeOf(Thumb.toLayer(body)).toEqualTypeOf<Layer.Layer<never, never, "R" | GreenPool | Sharding.Sharding>>()
// @ts-expect-error: a body that returns something else.
Plain.toLayer(body)

// Takes no schema that needs services.
// @ts-expect-error: it would need them on every process.
ClusterJob.make("job", { payload: Schema.String as never as NeedsServices, idempotencyKey: (text) => text })
