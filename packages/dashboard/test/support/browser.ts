import { layer } from "@effect/vitest"
import { Context, Effect, Layer, Logger, type Scope } from "effect"
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from "playwright-core"
import { assert, inject } from "vitest"
import { type Body, ownMetrics } from "./serve.ts"

const endpoint = inject("chromium")

let browser: Promise<Browser> | undefined

export interface PageOptions extends BrowserContextOptions {
  /** Console messages and failed requests that the test is about. */
  readonly expects?: RegExp
  /** Hosts beside that of the page which the test is about. */
  readonly hosts?: ReadonlyArray<string>
  /** Whether the test may set the page's clock. */
  readonly clock?: boolean
}

/**
 * Opens a page until the scope closes. No test may see an error on the page, a violation of its policy, or a request
 * to another host, unless it expects that.
 */
export const openPage = (url: string, { clock = false, expects, hosts = [], ...options }: PageOptions = {}) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const context = await (await (browser ??= chromium.connect(endpoint!))).newContext({
        locale: "en-GB",
        viewport: { width: 1360, height: 900 },
        ...options
      })
      const page = await context.newPage()
      const problems: Array<string> = []
      page.on("pageerror", ({ message }) => problems.push(message))
      page.on("console", (message) => {
        if (message.type() === "error" || message.type() === "warning") problems.push(message.text())
      })
      page.on("request", (request) => {
        const { host, protocol } = new URL(request.url())
        if (protocol !== "data:" && host !== new URL(url).host && !hosts.includes(host)) problems.push(request.url())
      })
      if (clock) await page.clock.install()
      await page.goto(url, { waitUntil: "commit" })
      return { context, page, problems }
    }),
    ({ context, problems }) =>
      Effect.promise(async () => {
        await context.close()
        assert.deepStrictEqual(problems.filter((problem) => expects?.test(problem) !== true), [])
      })
  ).pipe(Effect.map(({ page }) => page))

/** Opens the page of a dashboard, and waits until it is live. */
export const openLive = (url: string, options?: PageOptions) =>
  Effect.tap(openPage(url, options), (page) => see(status(page, "Live")))

/** Waits until it is there: a loaded machine takes its time, so only where time is the point is it short. */
export const see = (locator: Locator, seconds = 15) =>
  Effect.promise(() => locator.first().waitFor({ timeout: seconds * 1000 }))

/** Waits until it is gone. */
export const seeNot = (locator: Locator, seconds = 15) =>
  Effect.promise(() => locator.first().waitFor({ state: "hidden", timeout: seconds * 1000 }))

/** What only acts on a page. */
export const act = <A>(action: () => Promise<A>): Effect.Effect<A> => Effect.promise(action)

export const status = (page: Page, text: string) =>
  page.getByRole("status").filter({ hasText: new RegExp(`^${text}$`) })

/** The texts of the cells of a pool's row. */
export const rowOf = (page: Page, name: string) =>
  page.getByRole("table", { name: "Pools" }).getByRole("row").filter({
    has: page.getByRole("rowheader", { name, exact: true })
  })

/** Makes once what the tests of a block share, in real time, and gives it to each of them. */
export const shared =
  <A, E>(make: Effect.Effect<A, E, Scope.Scope>) =>
  (name: string, block: (test: (title: string, body: (shared: A) => Body) => void) => void) => {
    const key = Context.Service<A>("test/shared")
    const once = Layer.provide(Layer.effect(key, ownMetrics(make)), Logger.layer([]))
    layer(once, { excludeTestServices: true, timeout: "60 seconds" })(
      name,
      (it) =>
        block((title, body) => it.effect(title, () => Effect.flatMap(key, (shared) => Effect.gen(() => body(shared)))))
    )
  }
