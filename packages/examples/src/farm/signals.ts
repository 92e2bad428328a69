// What signals do to a farm, apart from ending it: SIGUSR1 and SIGUSR2 resize the pool, as those of xargs do, and Ctrl-Z
// stops the jobs, which are not in the process group of the farm, with it.
import { GreenPool } from "@greenpool/core"
import { Effect, Queue } from "effect"
import { signalTo } from "./shell.ts"

const on = (signal: NodeJS.Signals, listener: () => void) =>
  Effect.acquireRelease(
    Effect.sync(() => process.on(signal, listener)),
    () => Effect.sync(() => process.off(signal, listener))
  )

/** SIGUSR1 adds a slot, SIGUSR2 takes one away, down to one. While it listens, SIGUSR1 starts no debugger. */
export const resizeOnSignals = Effect.fnUntraced(function*<E, R>(say: (text: string) => Effect.Effect<void, E, R>) {
  const pool = yield* GreenPool
  const steps = yield* Queue.unbounded<number>()
  yield* on("SIGUSR1", () => Queue.offerUnsafe(steps, 1))
  yield* on("SIGUSR2", () => Queue.offerUnsafe(steps, -1))
  const step = Effect.gen(function*() {
    const size = Math.max(1, (yield* pool.size) + (yield* Queue.take(steps)))
    yield* pool.resize(size)
    yield* say(`${size} at once`)
  })
  yield* Effect.forkScoped(Effect.forever(step))
})

/** Stops and continues process groups with this process. */
export const suspendOnSignals = Effect.fnUntraced(function*(groups: ReadonlySet<number>) {
  const toAll = (signal: NodeJS.Signals) => {
    for (const group of groups) signalTo(-group, signal)
  }
  yield* on("SIGTSTP", () => {
    // A process group whose parent is in another session ignores SIGTSTP.
    toAll("SIGSTOP")
    process.kill(process.pid, "SIGSTOP")
  })
  yield* on("SIGCONT", () => toAll("SIGCONT"))
})
