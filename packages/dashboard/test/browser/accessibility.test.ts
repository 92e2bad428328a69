import { assert, describe, it } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Deferred, Effect, Exit, Scope } from "effect"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { Dashboard, type Shown } from "../../src/index.ts"
import { act, executablePath, openPage, see, status } from "../support/browser.ts"
import { ownMetrics, serve } from "../support/serve.ts"

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

interface Violation {
  readonly id: string
  readonly impact: string
  readonly nodes: ReadonlyArray<{ readonly html: string; readonly failureSummary: string }>
}

/** A pool in each state, keys, times and none: everything that the page can show. */
const everything = Effect.gen(function*() {
  const [busy, full, shrunk, paused, closed] = yield* Effect.all([
    GreenPool.make({ name: "busy", size: 4, metrics: true }),
    GreenPool.make({ name: "full", size: 2 }),
    GreenPool.make({ name: "shrunk", size: 5 }),
    GreenPool.make({ name: "paused" }),
    Effect.flatMap(
      Scope.make(),
      (scope) =>
        Effect.tap(Scope.provide(GreenPool.make({ name: "closed" }), scope), () => Scope.close(scope, Exit.void))
    )
  ])
  const gate = yield* Deferred.make<void>()
  for (const [pool, jobs] of [[busy, 3], [full, 60], [shrunk, 5]] as const) {
    for (let job = 0; job < jobs; job++) yield* Effect.forkScoped(Effect.exit(pool.run(Deferred.await(gate))))
  }
  yield* Effect.yieldNow
  yield* shrunk.resize(2)
  yield* paused.resize(0)
  const keyed: Shown = {
    ...busy,
    keys: Effect.succeed([{ key: "gold", weight: 2, running: 3, waiting: 0 }, { weight: 1, running: 0, waiting: 4 }])
  }
  const pools = [keyed, full, shrunk, paused, closed, yield* GreenPool.make({ name: "idle" })]
  return yield* serve(Dashboard.layer({
    pools: pools.map((pool): Effect.Effect<Shown> => Effect.succeed(pool)),
    access: Dashboard.local("steer"),
    keys: true,
    title: "Everything"
  }))
})

describe.skipIf(executablePath === undefined)("for everyone, the page", { timeout: 60_000 }, () => {
  for (
    const [name, shown, options] of [
      ["in light", ["busy", "shrunk", "full", "paused", "closed"], { colorScheme: "light" }],
      ["in dark", ["busy", "shrunk", "full", "paused"], { colorScheme: "dark" }],
      ["on a phone", ["busy"], { colorScheme: "light", viewport: { width: 390, height: 800 } }]
    ] as const
  ) {
    it.live(`has no finding of axe ${name}`, () =>
      Effect.gen(function*() {
        const { url } = yield* everything
        const page = yield* openPage(`${url}/greenpool#busy`, { ...options, bypassCSP: true })
        yield* see(status(page, "Live"))
        yield* see(page.getByRole("table", { name: "Keys of busy" }))
        yield* act(() => page.getByText("As a table").click())
        yield* act(() => page.evaluate(axe))
        for (const pool of shown) {
          yield* act(() => page.evaluate(`location.hash = "#${pool}"`))
          yield* see(page.getByRole("heading", { level: 2, name: pool }))
          // Of all that the first shows, the others differ in their colours.
          const rules = pool === "busy" ? "{}" : `{ runOnly: ["color-contrast"] }`
          const { violations } = yield* act(() =>
            page.evaluate<{ violations: ReadonlyArray<Violation> }>(`axe.run(${rules})`)
          )
          const found = violations.filter(({ impact }) => impact !== "minor")
            .map(({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`)
          assert.deepStrictEqual(found, [], pool)
        }
      }).pipe(Effect.scoped, ownMetrics))
  }

  it.live("can be used by keyboard alone", () =>
    Effect.gen(function*() {
      const { url } = yield* everything
      const page = yield* openPage(`${url}/greenpool`)
      yield* see(status(page, "Live"))
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
    }).pipe(Effect.scoped, ownMetrics))

  it.live("moves nothing for those who asked for that", () =>
    Effect.gen(function*() {
      const { url } = yield* everything
      const page = yield* openPage(`${url}/greenpool`, { reducedMotion: "reduce" })
      yield* see(status(page, "Live"))
      assert.strictEqual(yield* act(() => page.evaluate("document.getAnimations().length")), 0)
    }).pipe(Effect.scoped, ownMetrics))
})
