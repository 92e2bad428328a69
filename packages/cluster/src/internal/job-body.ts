/**
 * The body of a job, on the runner that has its lane.
 */
import type { GreenPool } from "@greenpool/core"
import { Cause, Duration, Effect, Exit, Fiber, Schedule } from "effect"

// A body that is interrupted again and again, as one on a closed pool, must not spin.
const pauses = Schedule.min([Schedule.exponential(Duration.millis(100)), Schedule.spaced(Duration.seconds(5))])

class Interrupted {
  readonly _tag = "Interrupted"
}

/**
 * Runs a body as a job of the pool until it ends by itself. Where it is interrupted and this effect is not, the lease of
 * its slot has been lost or its pool has closed, and it starts again.
 *
 * The body runs in a fiber of its own: the pool interrupts the fiber that its job runs in, and a handler that ends with
 * interruption would store it as the result of the key.
 */
export const runBody = <A, E, R>(pool: GreenPool, body: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  // It joins the queue of the pool in this very step: bodies of a lane start in the order in which they were written.
  Effect.forkChild(pool.run(body), { startImmediately: true }).pipe(
    // Effect would interrupt the child at the end of the whole fiber: after the answer, when others may run the job again.
    Effect.flatMap((fiber) => Effect.onInterrupt(Fiber.await(fiber), () => Fiber.interrupt(fiber))),
    Effect.flatMap((exit): Effect.Effect<Exit.Exit<A, E>, Interrupted> =>
      Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)
        ? Effect.andThen(
          Effect.logWarning("The body of a job was interrupted, and starts again"),
          Effect.fail(new Interrupted())
        )
        : Effect.succeed(exit)
    ),
    Effect.retry(pauses),
    Effect.orDie,
    Effect.flatten
  )
