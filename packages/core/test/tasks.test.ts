/**
 * What runs after a step of a pool, and in which order.
 */
import { expect, it } from "vitest"
import { Tasks } from "../src/internal/tasks.ts"

it("what is left of a turn after a throw comes before what was asked for in that turn", () => {
  const turns: Array<() => void> = []
  const tasks = new Tasks({ scheduleTask: (turn) => turns.push(turn), flush() {} })
  const order: Array<string> = []
  tasks.schedule(() => {
    tasks.schedule(() => order.push("asked for in the turn"))
    throw new Error("thrown")
  })
  tasks.schedule(() => order.push("left"))
  expect(turns).toHaveLength(1)
  expect(turns[0]).toThrow("thrown")
  for (const turn of turns.slice(1)) turn()
  expect(order).toEqual(["left", "asked for in the turn"])
})
