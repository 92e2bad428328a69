import { assert, describe, it } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Effect, Logger, Redacted } from "effect"
import { Dashboard } from "../../src/index.ts"
import { act, executablePath, openPage, rowOf, see, status } from "../support/browser.ts"
import { ownMetrics, serve } from "../support/serve.ts"

const quiet = Logger.layer([])

const steered = Effect.fnUntraced(function*(size: number) {
  const pool = yield* GreenPool.make({ size })
  const { url } = yield* serve(Dashboard.layer({ pools: [Effect.succeed(pool)], access: Dashboard.local("steer") }))
  return { pool, url: `${url}/greenpool` }
})

const refusals = /status of 4\d\d/

describe.skipIf(executablePath === undefined)("the controls", { timeout: 30_000 }, () => {
  it.live("resize a pool, by buttons and by keyboard", () =>
    Effect.gen(function*() {
      const { pool, url } = yield* steered(12)
      const page = yield* openPage(url)
      yield* see(page.getByText("Steering on", { exact: true }))
      const field = page.getByRole("textbox", { name: "Size" })
      assert.strictEqual(yield* act(() => field.inputValue()), "12")
      const press = (name: string) => act(() => page.getByRole("button", { name, exact: true }).click())
      yield* press("One more")
      yield* press("One more")
      yield* press("One less")
      assert.strictEqual(yield* act(() => field.inputValue()), "13")
      assert.strictEqual(yield* pool.size, 12)
      yield* press("Resize")
      yield* see(page.getByText("The size is now 13."))
      assert.strictEqual(yield* pool.size, 13)
      yield* see(rowOf(page, "default").getByText("0 / 13"), 2)

      // Keys alone: from the link of the pool through the controls.
      yield* act(() => page.getByRole("link", { name: "default" }).focus())
      const focused = () =>
        page.evaluate<string>("document.activeElement.ariaLabel ?? document.activeElement.innerText")
      const order: Array<string> = []
      for (let i = 0; i < 5; i++) {
        yield* act(() => page.keyboard.press("Tab"))
        order.push(yield* act(focused))
      }
      assert.deepStrictEqual(order, ["One less", "", "One more", "Resize", "Pause"])
      yield* act(() => field.focus())
      yield* act(() => page.keyboard.press("ArrowUp"))
      yield* act(() => page.keyboard.press("ArrowUp"))
      yield* act(() => page.keyboard.press("Enter"))
      yield* see(page.getByText("The size is now 15."))
      assert.strictEqual(yield* pool.size, 15)
      assert.isTrue(
        yield* act(() =>
          field.evaluate((element) =>
            element === (element as never as { ownerDocument: { activeElement: unknown } }).ownerDocument.activeElement
          )
        )
      )
    }).pipe(Effect.scoped, ownMetrics, Effect.provide(quiet)))

  it.live("show what is wrong with a size beside the field, and keep what was typed", () =>
    Effect.gen(function*() {
      const { pool, url } = yield* steered(3)
      const page = yield* openPage(url, { expects: refusals })
      const field = page.getByRole("textbox", { name: "Size" })
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
    }).pipe(Effect.scoped, ownMetrics, Effect.provide(quiet)))

  it.live("pause a pool, and resume it from any page with the size before", () =>
    Effect.gen(function*() {
      const { pool, url } = yield* steered(12)
      const page = yield* openPage(url)
      yield* act(() => page.getByRole("button", { name: "Pause" }).click())
      yield* see(rowOf(page, "default").getByText("Paused"))
      assert.strictEqual(yield* pool.size, 0)
      const other = yield* openPage(url)
      yield* act(() => other.getByRole("button", { name: "Resume with 12" }).click())
      yield* see(rowOf(page, "default").getByText("0 / 12"))
      yield* see(page.getByRole("button", { name: "Pause" }))
      assert.strictEqual(yield* pool.size, 12)
    }).pipe(Effect.scoped, ownMetrics, Effect.provide(quiet)))

  it.live("have no resume where the size before isn't known", () =>
    Effect.gen(function*() {
      const { url } = yield* steered(0)
      const page = yield* openPage(url)
      yield* see(page.getByRole("textbox", { name: "Size" }))
      assert.strictEqual(yield* act(() => page.getByRole("button", { name: /Pause|Resume/ }).count()), 0)
    }).pipe(Effect.scoped, ownMetrics, Effect.provide(quiet)))

  it.live("are unlocked by a password", () =>
    Effect.gen(function*() {
      const access = Dashboard.password({ steer: Redacted.make("s3cret") })
      const { url } = yield* serve(
        Dashboard.layer({ pools: [GreenPool.make({ name: "a" }), GreenPool.make({ name: "b" })], access })
      )
      const page = yield* openPage(`${url}/greenpool#b`, {
        httpCredentials: { username: "me", password: "s3cret", send: "unauthorized" }
      })
      yield* see(page.getByText("Read-only", { exact: true }))
      yield* act(() => page.getByRole("link", { name: "Unlock steering" }).click())
      yield* see(page.getByText("Steering on", { exact: true }))
      yield* see(page.getByRole("heading", { level: 2, name: "b" }))
      assert.strictEqual(yield* act(() => page.getByRole("link", { name: "Unlock steering" }).count()), 0)
      yield* act(() => page.getByRole("button", { name: "Pause" }).click())
      yield* see(rowOf(page, "b").getByText("Paused"))
      yield* see(status(page, "Live"))
    }).pipe(Effect.scoped, ownMetrics, Effect.provide(quiet)))
})
