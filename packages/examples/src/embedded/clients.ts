import { Clock, Effect, Random } from "effect"

/** Clients that know nothing of each other come without end, so many a second, given the seconds since the first. */
export const clients = <E, R>(rate: (seconds: number) => number, client: Effect.Effect<unknown, E, R>) =>
  Effect.gen(function*() {
    const began = yield* Clock.currentTimeMillis
    while (true) {
      const perSecond = Math.max(0.1, rate(((yield* Clock.currentTimeMillis) - began) / 1000))
      yield* Effect.sleep(-1000 * Math.log(1 - (yield* Random.next)) / perSecond)
      yield* Effect.forkChild(Effect.ignore(client))
    }
  })

/** A rate that goes up and down between nothing and twice the mean. */
export const waves = (mean: number, seconds: number) => (now: number) =>
  mean * (1 + Math.sin(2 * Math.PI * now / seconds))
