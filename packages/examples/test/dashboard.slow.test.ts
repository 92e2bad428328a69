import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { runExample, startExample } from "./example.ts"
import { linksTo, serve } from "./raw-server.ts"

interface History {
  readonly pools: ReadonlyArray<{ readonly id: number; readonly name: string }>
  readonly figures: Readonly<Record<string, ReadonlyArray<ReadonlyArray<number>>>>
}

const history = (page: string): Effect.Effect<History> =>
  Effect.promise(() => fetch(`${page}?history`).then((response) => response.json() as Promise<History>))

const post = (page: string, command: object, headers: Readonly<Record<string, string>> = {}) =>
  Effect.promise(() =>
    fetch(page, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(command)
    }).then(({ status }) => status)
  )

const total = (differences: ReadonlyArray<number> = []) => differences.reduce((sum, difference) => sum + difference, 0)

describe("the dashboard", { timeout: 60_000, concurrent: true }, () => {
  it.live("shows four busy pools, which can be steered, until Ctrl-C", () =>
    Effect.gen(function*() {
      const { child, ended, said } = yield* startExample("dashboard", "--port", "0")
      const [, page = ""] = yield* said(/^The dashboard is at (\S+), until Ctrl-C$/m)
      // Each has ended jobs after a while.
      yield* history(page).pipe(
        Effect.repeat({
          until: ({ figures, pools }) => pools.length === 4 && pools.every(({ id }) => total(figures[id]?.[5]) > 0),
          schedule: Schedule.spaced("100 millis")
        })
      )
      assert.deepStrictEqual((yield* history(page)).pools.map(({ name }) => name), [
        "crawl",
        "app/ApiPool",
        "app/Thumbnails",
        "app/Mail"
      ])
      assert.strictEqual(yield* post(page, { pool: "app/Mail", command: "pause" }), 200)
      child.kill("SIGINT")
      assert.deepInclude(yield* ended, { code: 130, stderr: "" })
    }).pipe(Effect.scoped))

  it.live("is steered by a password, which comes from the environment", () =>
    Effect.gen(function*() {
      process.env["DASHBOARD_PASSWORD"] = "correct horse"
      const { child, ended, said } = yield* startExample("dashboard-password", "--port", "0")
      delete process.env["DASHBOARD_PASSWORD"]
      const [, page = ""] = yield* said(/^The dashboard is at (\S+), until Ctrl-C$/m)
      assert.deepStrictEqual((yield* history(page)).pools.map(({ name }) => name), ["jobs"])
      const command = { pool: "jobs", command: "resize", size: 2 }
      const password = (password: string) => ({ authorization: `Basic ${btoa(`me:${password}`)}` })
      assert.strictEqual(yield* post(page, command), 403)
      assert.strictEqual(yield* post(page, command, password("wrong horse")), 403)
      assert.strictEqual(yield* post(page, command, password("correct horse")), 200)
      child.kill("SIGINT")
      assert.deepInclude(yield* ended, { code: 130, stderr: "" })
    }).pipe(Effect.scoped))

  it.live("of linkcheck shows its pool while it runs, which can be resized", () =>
    Effect.gen(function*() {
      const { origin } = yield* serve({ "/": linksTo("/hang"), "/hang": () => {} })
      const args = ["--dashboard", "--json", "--quiet", "--timeout", "1h", "--size", "7"]
      const { child, ended, said } = yield* startExample("linkcheck", origin, ...args)
      const [, page = ""] = yield* said(/^The dashboard is at (\S+) while this runs$/m, "stderr")
      yield* history(page).pipe(
        Effect.repeat({
          until: ({ figures, pools }) => pools.length === 1 && total(figures[pools[0]!.id]?.[1]) === 1,
          schedule: Schedule.spaced("100 millis")
        })
      )
      assert.deepStrictEqual((yield* history(page)).pools.map(({ name }) => name), ["linkcheck"])
      assert.strictEqual(yield* post(page, { pool: "linkcheck", command: "resize", size: 3 }), 200)
      assert.strictEqual(yield* post(page, { pool: "linkcheck", command: "resize", size: -1 }), 422)
      child.kill("SIGINT")
      assert.strictEqual((yield* ended).code, 130)
    }).pipe(Effect.scoped))

  it.live("of overload shows the pool of each load in turn", () =>
    Effect.gen(function*() {
      const { child, said } = yield* startExample("overload", "--dashboard", "--seconds", "1")
      const [, page = ""] = yield* said(/^The dashboard is at (\S+) while this runs$/m, "stderr")
      for (const name of ["none", "maxWaiting"]) {
        yield* history(page).pipe(
          Effect.repeat({
            until: ({ figures, pools }) =>
              pools.length === 1 && pools[0]!.name === name && total(figures[pools[0]!.id]?.[5]) > 0,
            schedule: Schedule.spaced("100 millis")
          })
        )
      }
      child.kill("SIGINT")
    }).pipe(Effect.scoped))

  it.live("says so where there is no password", () =>
    Effect.gen(function*() {
      const { code, stderr } = yield* runExample("dashboard-password", "--port", "0")
      assert.deepStrictEqual([code, stderr], [
        1,
        "Set the environment variable DASHBOARD_PASSWORD to the password for steering\n"
      ])
    }).pipe(Effect.scoped))
})
