import { assert, it } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Effect, Logger, Redacted } from "effect"
import { Dashboard } from "../../src/index.ts"
import { act, openLive, openPage, rowOf, see, shared, status } from "../support/browser.ts"
import { serveDashboard } from "../support/serve.ts"

/** A pool of 12 and one of none on a page that may steer them. */
const withSteered = shared(Effect.gen(function*() {
  const pool = yield* GreenPool.make({ size: 12 })
  const { page: address } = yield* serveDashboard({
    pools: [Effect.succeed(pool), GreenPool.make({ name: "none", size: 0 })],
    access: Dashboard.local("steer")
  })
  const page = yield* openLive(address, { expects: /status of 422/ })
  return { pool, address, page, field: page.getByRole("textbox", { name: "Size" }) }
}))

withSteered("the controls", (test) => {
  test("resize a pool, by buttons and by keyboard", function*({ field, page, pool }) {
    yield* see(page.getByText("Steering on", { exact: true }))
    assert.strictEqual(yield* act(() => field.inputValue()), "12")
    const press = (name: string) => act(() => page.getByRole("button", { name, exact: true }).click())
    for (const name of ["One more", "One more", "One less"]) yield* press(name)
    assert.strictEqual(yield* act(() => field.inputValue()), "13")
    assert.strictEqual(yield* pool.size, 12)
    yield* press("Resize")
    yield* see(page.getByText("The size is now 13."))
    assert.strictEqual(yield* pool.size, 13)
    yield* see(rowOf(page, "default").getByText("0 / 13"), 2)

    // Keys alone: from the links of the pools through the controls.
    yield* act(() => page.getByRole("link", { name: "none" }).focus())
    const focused = "document.activeElement.ariaLabel ?? document.activeElement.innerText"
    const tab = act(() => page.keyboard.press("Tab").then(() => page.evaluate<string>(focused)))
    const order = yield* Effect.all([tab, tab, tab, tab, tab])
    assert.deepStrictEqual(order, ["One less", "", "One more", "Resize", "Pause"])
    yield* act(() => field.focus())
    for (const key of ["ArrowUp", "ArrowUp", "Enter"]) yield* act(() => page.keyboard.press(key))
    yield* see(page.getByText("The size is now 15."))
    assert.strictEqual(yield* pool.size, 15)
    assert.strictEqual(yield* act(() => page.evaluate<string>("document.activeElement.id")), "size")
  })

  test("show what is wrong with a size beside the field, and keep what was typed", function*({ field, page, pool }) {
    yield* pool.resize(3)
    // What moves on the page meanwhile could make it miss a click.
    yield* see(rowOf(page, "default").getByText("0 / 3"))
    for (const typed of ["-1", "1.5", "many", " "]) {
      yield* act(() => field.fill(typed))
      yield* act(() => page.getByRole("button", { name: "Resize" }).click())
      const { message } = yield* Effect.flip(pool.resize(Number(typed) || typed as never))
      const expected = typed === " " ? "Invalid pool size \" \"" : message
      yield* see(page.getByRole("alert").filter({ hasText: expected }))
      assert.strictEqual(yield* act(() => field.inputValue()), typed)
    }
    assert.strictEqual(yield* pool.size, 3)

    // Nor do frames overwrite it.
    yield* act(() => field.fill("77"))
    yield* pool.resize(8)
    yield* see(rowOf(page, "default").getByText("0 / 8"))
    assert.strictEqual(yield* act(() => field.inputValue()), "77")
  })

  test("pause a pool, and resume it from any page with the size before", function*({ address, page, pool }) {
    yield* pool.resize(12)
    yield* see(rowOf(page, "default").getByText("0 / 12"))
    yield* act(() => page.getByRole("button", { name: "Pause" }).click())
    yield* see(rowOf(page, "default").getByText("Paused"))
    assert.strictEqual(yield* pool.size, 0)
    const other = yield* openPage(address)
    yield* act(() => other.getByRole("button", { name: "Resume with 12" }).click())
    yield* see(rowOf(page, "default").getByText("0 / 12"))
    yield* see(page.getByRole("button", { name: "Pause" }))
    assert.strictEqual(yield* pool.size, 12)
  })

  test("have no resume where the size before isn't known", function*({ field, page }) {
    yield* act(() => page.getByRole("link", { name: "none" }).click())
    yield* see(page.getByRole("heading", { level: 2, name: "none" }))
    yield* see(field)
    assert.strictEqual(yield* act(() => page.getByRole("button", { name: /Pause|Resume/ }).count()), 0)
  })
})

it.live("the controls are unlocked by a password", () =>
  Effect.gen(function*() {
    const access = Dashboard.password({ steer: Redacted.make("s3cret") })
    const pools = [GreenPool.make({ name: "a" }), GreenPool.make({ name: "b" })]
    const { page: address } = yield* serveDashboard({ pools, access })
    const httpCredentials = { username: "me", password: "s3cret", send: "unauthorized" } as const
    const page = yield* openPage(`${address}#b`, { httpCredentials })
    yield* see(page.getByText("Read-only", { exact: true }))
    yield* act(() => page.getByRole("link", { name: "Unlock steering" }).click())
    yield* see(page.getByText("Steering on", { exact: true }))
    yield* see(page.getByRole("heading", { level: 2, name: "b" }))
    assert.strictEqual(yield* act(() => page.getByRole("link", { name: "Unlock steering" }).count()), 0)
    yield* act(() => page.getByRole("button", { name: "Pause" }).click())
    yield* see(rowOf(page, "b").getByText("Paused"))
    yield* see(status(page, "Live"))
  }).pipe(Effect.provide(Logger.layer([]))))
