/**
 * The timers of a pool, beside a list of what is due.
 */
import { Context, Effect } from "effect"
import * as fc from "fast-check"
import { expect, it } from "vitest"
import { Tasks } from "../src/internal/tasks.ts"
import { type Timer, Timers } from "../src/internal/timers.ts"
import { VirtualClock } from "./support/virtual-clock.ts"

/** Timers on a clock of their own, and what runs the tasks that are due. */
const makeTimers = () => {
  const clock = new VirtualClock()
  let turns: Array<() => void> = []
  const tasks = new Tasks({ scheduleTask: (turn) => turns.push(turn), flush() {} })
  const runTasks = () => {
    const due = turns
    turns = []
    for (const turn of due) turn()
  }
  return { clock, timers: new Timers(clock, Context.empty(), tasks), runTasks }
}

const steps = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ after: fc.integer({ min: 0, max: 3 }) }) },
    fc.record({ cancel: fc.nat() }),
    fc.record({ advance: fc.integer({ min: 1, max: 3 }) })
  ),
  { minLength: 10, maxLength: 40 }
)

it("timers fire at their times, equal ones in the order in which they were set, with one sleep at a time", () => {
  fc.assert(fc.property(steps, (steps) => {
    const { clock, runTasks, timers } = makeTimers()
    const fired: Array<number> = []
    const all: Array<{ readonly at: number; readonly timer: Timer }> = []
    let pending: Array<number> = []
    const expected: Array<number> = []
    for (const step of steps) {
      if ("after" in step) {
        const number = all.length
        pending.push(number)
        all.push({ at: clock.now + step.after, timer: timers.after(step.after, () => fired.push(number)) })
      } else if ("cancel" in step) {
        const number = step.cancel % (all.length + 1)
        all[number]?.timer.cancel()
        pending = pending.filter((other) => other !== number)
        runTasks()
      } else {
        clock.advance(step.advance)
        const due = pending.filter((number) => all[number]!.at <= clock.now).sort((a, b) => all[a]!.at - all[b]!.at)
        pending = pending.filter((number) => !due.includes(number))
        expected.push(...due)
      }
      expect(fired).toEqual(expected)
      expect(clock.sleeping).toBe(pending.length === 0 ? 0 : 1)
    }
  }))
})

it("a timer that fires is told the time, and may set and cancel others, before the timers sleep again", () => {
  const { clock, runTasks, timers } = makeTimers()
  let sleeps = 0
  const sleep = clock.sleep.bind(clock)
  clock.sleep = (duration) => {
    sleeps++
    return sleep(duration)
  }
  const fired: Array<string> = []
  const last = timers.after(9, () => fired.push("canceled"))
  timers.at(5, (now) => {
    fired.push(`first at ${now}`)
    timers.after(3, () => fired.push("canceled, too")).cancel()
    timers.after(0, (now) => fired.push(`second at ${now}`))
    last.cancel()
  })
  expect(sleeps).toBe(2)
  clock.advance(7)
  runTasks()
  expect(fired).toEqual(["first at 7", "second at 7"])
  expect(clock.sleeping).toBe(0)
  expect(sleeps).toBe(2)
})

it("a clock that sets a timer while it begins to sleep is asked to sleep until the first of them", () => {
  const { clock, timers } = makeTimers()
  const fired: Array<string> = []
  const sleep = clock.sleep.bind(clock)
  clock.sleep = (duration) => {
    clock.sleep = sleep
    timers.after(2, () => fired.push("the clock's"))
    return sleep(duration)
  }
  timers.after(5, () => fired.push("first"))
  expect(clock.sleeping).toBe(1)
  clock.advance(3)
  expect(fired).toEqual(["the clock's"])
  clock.advance(3)
  expect(fired).toEqual(["the clock's", "first"])
})

it("a clock that wakes the timers early counts as right", () => {
  const { clock, timers } = makeTimers()
  const fired: Array<number> = []
  clock.sleep = () => Effect.void
  timers.after(5, (now) => fired.push(now))
  expect(fired).toEqual([5])
})
