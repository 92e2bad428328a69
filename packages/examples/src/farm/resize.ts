// Resizes the pool while it works: SIGUSR1 adds a slot, SIGUSR2 takes one away, down to one, as xargs does.
import { GreenPool } from "@greenpool/core"
import { Effect, Queue } from "effect"

/** Listens until the scope closes, and says each new size. While it listens, SIGUSR1 starts no debugger. */
export const resizeOnSignals = Effect.fnUntraced(function*<E, R>(say: (text: string) => Effect.Effect<void, E, R>) {
  const pool = yield* GreenPool
  const steps = yield* Queue.unbounded<number>()
  const grow = () => Queue.offerUnsafe(steps, 1)
  const shrink = () => Queue.offerUnsafe(steps, -1)
  yield* Effect.acquireRelease(
    Effect.sync(() => process.on("SIGUSR1", grow).on("SIGUSR2", shrink)),
    () => Effect.sync(() => process.off("SIGUSR1", grow).off("SIGUSR2", shrink))
  )
  const step = Effect.gen(function*() {
    const size = Math.max(1, (yield* pool.size) + (yield* Queue.take(steps)))
    yield* pool.resize(size)
    yield* say(`${size} at once`)
  })
  yield* Effect.forkScoped(Effect.forever(step))
})
