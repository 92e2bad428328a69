/**
 * What runs after a step of a pool, and in which order.
 */
import type { Fiber } from "effect"
import { expect, it } from "vitest"
import { Tasks } from "../src/internal/tasks.ts"

/** Tasks, and the turns that they have asked their dispatcher for. */
const makeTasks = () => {
  const turns: Array<() => void> = []
  const scheduleTask = (turn: () => void, priority: number) => {
    // That of fibers that yield.
    expect(priority).toBe(0)
    turns.push(turn)
  }
  return { tasks: new Tasks({ scheduleTask, flush() {} }), turns }
}

it.each([
  ["comes before what was asked for in that turn", true, ["first", "left", "asked for in the turn"]],
  ["has a turn of its own", false, ["first", "left"]]
])("what is left of a turn after a throw %s", (_, asks, expected) => {
  const { tasks, turns } = makeTasks()
  const order: Array<string> = []
  tasks.schedule(() => order.push("first"))
  tasks.schedule(() => {
    if (asks) tasks.schedule(() => order.push("asked for in the turn"))
    throw new Error("thrown")
  })
  tasks.schedule(() => order.push("left"))
  expect(turns).toHaveLength(1)
  expect(turns[0]).toThrow("thrown")
  for (const turn of turns.slice(1)) turn()
  expect(order).toEqual(expected)
})

it("what an observer of a fiber throws when that is interrupted is thrown in a turn", () => {
  const { tasks, turns } = makeTasks()
  const fiber = {
    interruptUnsafe: () => {
      throw new Error("thrown")
    }
  }
  tasks.interrupt(fiber as unknown as Fiber.Fiber<unknown>, 1)
  expect(turns).toHaveLength(1)
  expect(turns[0]).toThrow("thrown")
})
