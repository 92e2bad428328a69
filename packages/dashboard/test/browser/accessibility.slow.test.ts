import { assert } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Effect, Exit, Scope } from "effect"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { Dashboard, type Shown } from "../../src/index.ts"
import { act, openLive, see } from "../support/browser.ts"
import { serveDashboard, shared } from "../support/serve.ts"

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

interface Violation {
  readonly id: string
  readonly impact: string
  readonly nodes: ReadonlyArray<{ readonly html: string; readonly failureSummary: string }>
}

/** The address of a dashboard with a pool in each state, keys, times and none: everything that the page can show. */
const withEverything = shared(Effect.gen(function*() {
  const [busy, full, shrunk, paused, idle] = yield* Effect.all([
    GreenPool.make({ name: "busy", size: 4, metrics: true }),
    GreenPool.make({ name: "full", size: 2 }),
    GreenPool.make({ name: "shrunk", size: 5 }),
    GreenPool.make({ name: "paused" }),
    GreenPool.make({ name: "idle" })
  ])
  const scope = yield* Scope.make()
  const closed = yield* Scope.provide(GreenPool.make({ name: "closed" }), scope)
  yield* Scope.close(scope, Exit.void)
  for (const [pool, jobs] of [[busy, 3], [full, 60], [shrunk, 5]] as const) {
    for (let job = 0; job < jobs; job++) yield* Effect.forkScoped(Effect.exit(pool.run(Effect.never)))
  }
  yield* Effect.yieldNow
  yield* shrunk.resize(2)
  yield* paused.resize(0)
  const keyed: Shown = {
    ...busy,
    keys: Effect.succeed([{ key: "gold", weight: 2, running: 3, waiting: 0 }, {
      weight: 1,
      running: 0,
      waiting: 4
    }])
  }
  const { page } = yield* serveDashboard({
    pools: [keyed, full, shrunk, paused, closed, idle].map((pool): Effect.Effect<Shown> => Effect.succeed(pool)),
    access: Dashboard.local("steer"),
    keys: true,
    title: "Everything"
  })
  return page
}))

withEverything("for everyone, the page", (test) => {
  test("has no finding of axe, in light, in dark, and on a phone", function*(address) {
    const page = yield* openLive(`${address}#busy`, { bypassCSP: true })
    yield* see(page.getByRole("table", { name: "Keys of busy" }))
    yield* act(() => page.getByText("As a table").click())
    yield* act(() => page.evaluate(axe))
    for (
      const [colorScheme, width, ...pools] of [
        ["light", 1360, "busy", "shrunk", "full", "paused", "closed"],
        ["dark", 1360, "busy", "shrunk", "full", "paused"],
        ["light", 390, "busy"]
      ] as const
    ) {
      yield* act(() => page.emulateMedia({ colorScheme }))
      yield* act(() => page.setViewportSize({ width, height: 900 }))
      for (const pool of pools) {
        yield* act(() => page.evaluate(`location.hash = "#${pool}"`))
        yield* see(page.getByRole("heading", { level: 2, name: pool }))
        // Of all that the first shows, other pools and the dark differ in their colours.
        const isAll = pool === "busy" && colorScheme === "light"
        const rules = {
          selectors: false,
          resultTypes: ["violations"],
          ...!isAll && { runOnly: ["color-contrast"] }
        }
        const { violations } = yield* act(() =>
          page.evaluate<{ violations: ReadonlyArray<Violation> }>(`axe.run(${JSON.stringify(rules)})`)
        )
        const found = violations.filter(({ impact }) => impact !== "minor")
          .map(({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`)
        assert.deepStrictEqual(found, [], `${pool} in ${colorScheme}, ${width} px wide`)
      }
    }
  })

  test("can be used by keyboard alone", function*(address) {
    const page = yield* openLive(address)
    const press = (key: string) => act(() => page.keyboard.press(key))
    yield* press("Tab")
    assert.strictEqual(yield* act(() => page.evaluate<string>("document.activeElement.ariaLabel")), "Colours")
    for (let row = 0; row < 2; row++) yield* press("Tab")
    yield* press("Enter")
    yield* see(page.getByRole("heading", { level: 2, name: "full" }))
    // Where the focus is can be seen.
    const outline = yield* act(() =>
      page.evaluate<string>(`getComputedStyle(document.activeElement, "::after").outlineStyle`)
    )
    assert.strictEqual(outline, "solid")
  })
})
