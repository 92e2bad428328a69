/**
 * A clock that knows who sleeps on it.
 */
import { Clock, type Duration, Effect } from "effect"

/** The test's clock, how many fibers sleep on it, and how many have begun to. */
export const countSleepers = Clock.clockWith((clock) => {
  const counting = {
    ...clock,
    sleepers: 0,
    sleeps: 0,
    sleep: (duration: Duration.Duration) =>
      Effect.suspend(() => {
        counting.sleepers++
        counting.sleeps++
        return Effect.ensuring(clock.sleep(duration), Effect.sync(() => counting.sleepers--))
      })
  }
  return Effect.succeed(counting)
})
