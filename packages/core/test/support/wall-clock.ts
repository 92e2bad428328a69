/**
 * A clock on the wall that somebody sets.
 */
import { Clock, Effect } from "effect"

/** The test's clock; that on the wall is so many milliseconds ahead of it. */
export const makeWallClock = Clock.clockWith((clock) => {
  const wall = {
    ...clock,
    ahead: 0,
    currentTimeMillisUnsafe: () => clock.currentTimeMillisUnsafe() + wall.ahead,
    currentTimeNanosUnsafe: () => clock.currentTimeNanosUnsafe() + BigInt(wall.ahead) * 1_000_000n
  }
  return Effect.succeed(wall)
})
