import { Effect, type Fiber, Metric } from "effect"

/** Counts the fibers that are alive, and those that ever were. */
export class FiberCounter implements Metric.FiberRuntimeMetricsService {
  alive = 0
  most = 0
  started = 0

  readonly recordFiberStart = (): void => {
    this.started++
    this.most = Math.max(this.most, ++this.alive)
  }

  readonly recordFiberEnd = (): void => {
    this.alive--
  }

  /** Runs it in a fiber of its own, and counts that and all that come from it. */
  readonly fork = (effect: Effect.Effect<unknown, unknown>): Effect.Effect<Fiber.Fiber<unknown, unknown>> =>
    Effect.provideService(Effect.forkDetach(effect), Metric.FiberRuntimeMetrics, this)
}
