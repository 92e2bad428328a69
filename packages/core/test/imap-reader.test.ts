/**
 * Sources that have the reader of their map go on, or leave, within a step of their own.
 */
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, type Fiber, Stream } from "effect"
import { CountedIterable } from "./support/counted-sources.ts"
import { expectEmpty } from "./support/counters.ts"
import { MapJobs } from "./support/map-jobs.ts"
import { upTo } from "./support/sizes.ts"
import { World } from "./support/world.ts"

/** Calls `onStep` in the step that makes the next item, and counts the steps that go on. */
class Source extends CountedIterable {
  most = 0
  private asked = 0
  private readonly onStep: (item: number) => void

  constructor(onStep: (item: number) => void) {
    super()
    this.onStep = onStep
  }

  protected override step(): IteratorResult<number, undefined> {
    const step = super.step()
    this.most = Math.max(this.most, ++this.asked)
    this.onStep(this.taken - 1)
    this.asked--
    return step
  }

  /** The same as a stream, each of whose steps takes a turn. */
  readonly stream = Stream.fromEffectRepeat(Effect.suspend(() => {
    this.most = Math.max(this.most, ++this.asked)
    this.onStep(this.taken)
    return Effect.ensuring(Effect.as(Effect.yieldNow, this.taken++), Effect.sync(() => this.asked--))
  }))
}
