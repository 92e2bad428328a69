import * as NodeServices from "@effect/platform-node/NodeServices"
import { it } from "@effect/vitest"
import { Effect, type Layer, Schedule, type Scope } from "effect"

type Body<R> = () => Generator<Effect.Effect<unknown, unknown, R>, void, never>

/** Tests in real time, each with what the layer provides, and a scope that closes after it. */
export const liveWith = <R, E>(layer: Layer.Layer<R, E>) => {
  const live = (isSkipped: boolean) => (title: string, body: Body<R | Scope.Scope>) =>
    it.live.skipIf(isSkipped)(title, () => Effect.provide(Effect.gen(body), layer))
  return Object.assign(live(false), { skipIf: live })
}

export const live = liveWith(NodeServices.layer)

/** Waits in real time until a condition holds. */
export const eventually = <E = never, R = never>(condition: Effect.Effect<boolean, E, R> | (() => boolean)) =>
  Effect.repeat(Effect.isEffect(condition) ? condition : Effect.sync(condition), {
    until: (holds) => holds,
    schedule: Schedule.spaced("5 millis")
  })
