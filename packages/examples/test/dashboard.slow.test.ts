import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { runExample, startExample } from "./example.ts"
import { eventually, live } from "./live.ts"
import { linksTo, serve } from "./raw-server.ts"

interface History {
  readonly pools: ReadonlyArray<{ readonly id: number; readonly name: string }>
  readonly figures: Readonly<Record<string, ReadonlyArray<ReadonlyArray<number>>>>
}

const figuresAt = { running: 1, ended: 5 }

/** Waits until the page has exactly these pools, each with a figure of at least so many. */
const shows = (page: string, names: ReadonlyArray<string>, figure: keyof typeof figuresAt, least: number) =>
  eventually(Effect.map(
    Effect.promise(() => fetch(`${page}?history`).then((response) => response.json() as Promise<History>)),
    ({ figures, pools }) =>
      pools.map(({ name }) => name).join() === names.join() &&
      pools.every(({ id }) => (figures[id]?.[figuresAt[figure]] ?? []).reduce((sum, step) => sum + step, 0) >= least)
  ))

const post = (page: string, command: object, headers: Readonly<Record<string, string>> = {}) => {
  const options = { headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(command) }
  return Effect.promise(() => fetch(page, { method: "POST", ...options }).then(({ status }) => status))
}

describe("the dashboard", { timeout: 60_000, concurrent: true }, () => {
  live("shows four busy pools, which can be steered, until Ctrl-C", function*() {
    const { end, said } = yield* startExample("dashboard", "--port", "0")
    const [, page = ""] = yield* said(/^The dashboard is at (\S+), until Ctrl-C$/m)
    yield* shows(page, ["crawl", "app/ApiPool", "app/Thumbnails", "app/Mail"], "ended", 1)
    assert.strictEqual(yield* post(page, { pool: "app/Mail", command: "pause" }), 200)
    assert.deepInclude(yield* end("SIGINT"), { code: 130, stderr: "" })
  })

  live("is steered by a password, which comes from the environment", function*() {
    process.env["DASHBOARD_PASSWORD"] = "correct horse"
    const { end, said } = yield* startExample("dashboard-password", "--port", "0")
    delete process.env["DASHBOARD_PASSWORD"]
    const [, page = ""] = yield* said(/^The dashboard is at (\S+), until Ctrl-C$/m)
    yield* shows(page, ["jobs"], "running", 0)
    const command = { pool: "jobs", command: "resize", size: 2 }
    const password = (password: string) => ({ authorization: `Basic ${btoa(`me:${password}`)}` })
    assert.strictEqual(yield* post(page, command), 403)
    assert.strictEqual(yield* post(page, command, password("wrong horse")), 403)
    assert.strictEqual(yield* post(page, command, password("correct horse")), 200)
    assert.deepInclude(yield* end("SIGINT"), { code: 130, stderr: "" })
  })

  live("of linkcheck shows its pool while it runs, which can be resized", function*() {
    const { origin } = yield* serve({ "/": linksTo("/hang"), "/hang": () => {} })
    const { said } = yield* startExample("linkcheck", origin, "--dashboard", "--json", "--quiet", "--timeout", "1h")
    const [, page = ""] = yield* said(/^The dashboard is at (\S+) while this runs$/m, "stderr")
    yield* shows(page, ["linkcheck"], "running", 1)
    assert.strictEqual(yield* post(page, { pool: "linkcheck", command: "resize", size: 3 }), 200)
    assert.strictEqual(yield* post(page, { pool: "linkcheck", command: "resize", size: -1 }), 422)
  })

  live("of overload shows the pool of each load in turn", function*() {
    const { said } = yield* startExample("overload", "--dashboard", "--seconds", "1")
    const [, page = ""] = yield* said(/^The dashboard is at (\S+) while this runs$/m, "stderr")
    for (const name of ["none", "maxWaiting"]) yield* shows(page, [name], "ended", 1)
  })

  live("says so where there is no password", function*() {
    const { code, stderr } = yield* runExample("dashboard-password", "--port", "0")
    const why = "Set the environment variable DASHBOARD_PASSWORD to the password for steering\n"
    assert.deepStrictEqual([code, stderr], [1, why])
  })
})
