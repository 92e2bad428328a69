import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Data, Deferred, Effect, Fiber, Layer, Metric, Schedule, Schema } from "effect"
import { HttpClient } from "effect/http"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Api, load, startServer } from "../src/gallery/metrics.ts"
import { liveWith } from "./live.ts"
import { observing, prometheus, startPrometheus } from "./prometheus.ts"

class NotYet extends Data.TaggedError("NotYet")<{ readonly cause: unknown }> {}

/** Makes an assertion about what an effect returns until it holds: Prometheus knows only what it has scraped. */
const eventually = <A, E, R>(effect: Effect.Effect<A, E, R>, assertion: (value: A) => void) =>
  effect.pipe(
    Effect.tap((value) => Effect.try({ try: () => assertion(value), catch: (cause) => new NotYet({ cause }) })),
    Effect.retry({ schedule: Schedule.spaced("50 millis"), times: 200 })
  )

const Dashboard = Schema.fromJsonString(Schema.Struct({
  schemaVersion: Schema.Int,
  templating: Schema.Struct({
    list: Schema.Array(Schema.Struct({ name: Schema.String, definition: Schema.optional(Schema.String) }))
  }),
  panels: Schema.Array(Schema.Struct({
    id: Schema.Int,
    title: Schema.String,
    datasource: Schema.Struct({ type: Schema.Literal("prometheus"), uid: Schema.Literal("${datasource}") }),
    targets: Schema.Array(Schema.Struct({ refId: Schema.String, expr: Schema.String, legendFormat: Schema.String }))
  }))
}))

const read = (file: string) => readFileSync(join(observing, file), "utf8")

const dashboard = Schema.decodeSync(Dashboard)(read("grafana-dashboard.json"))
const ofDashboard = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))

/** The queries of the page, each in a fence of its own. */
const ofPage = [...read("../observing.md").matchAll(/^```promql\n([^]*?)^```$/gm)].map(([, query = ""]) => query.trim())

const filledIn = (query: string) =>
  query.replaceAll("$pool", "api").replaceAll("$instance", ".*").replaceAll("$__rate_interval", "2s")

it("the dashboard of the metrics has variables, which every query uses", () => {
  assert.deepStrictEqual(dashboard.templating.list, [
    { name: "datasource" },
    { name: "pool", definition: "label_values(greenpool_size, pool)" },
    { name: "instance", definition: `label_values(greenpool_size{pool=~"$pool"}, instance)` }
  ])
  for (const query of ofDashboard) {
    const selectors = query.match(/greenpool_\w+(\{[^}]*\})?/g) ?? []
    assert.isNotEmpty(selectors)
    for (const selector of selectors) assert.include(selector, `{pool=~"$pool", instance=~"$instance"`)
  }
  assert.strictEqual(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length)
})

const serve = startServer(0)

/** Each test has metrics of its own. */
const registry = Layer.sync(Metric.MetricRegistry, () => new Map())
const live = liveWith(Layer.mergeAll(Api.layer, NodeHttpClient.layerNodeHttp).pipe(Layer.provideMerge(registry)))

describe("metrics", { timeout: 30_000, concurrent: true }, () => {
  live.skipIf(prometheus === undefined)("answer every query of the dashboard and the page", function*() {
    const address = yield* serve
    // The example's pool is not adaptive; one of its name that is has its series, too.
    yield* GreenPool.make({ name: "api", adaptive: true, metrics: true })
    yield* Effect.forkScoped(load(address, 160))
    const { names, query, rules } = yield* startPrometheus(address)
    assert.isNotEmpty(ofPage)
    const isAnswered = (expression: string) =>
      eventually(query(expression), (values) => {
        assert.isNotEmpty(values, expression)
        for (const value of values) assert.isTrue(Number.isFinite(value), `${expression} is ${value}`)
      })
    yield* Effect.forEach([...ofDashboard, ...ofPage].map(filledIn), isAnswered, { concurrency: 8 })
    const alerts = yield* eventually(rules, (alerts) => {
      assert.isNotEmpty(alerts)
      for (const { health, name } of alerts) assert.strictEqual(health, "ok", name)
    })
    const queries = [...ofDashboard, ...ofPage, ...alerts.map(({ query }) => query)]
    assert.includeMembers([...yield* names], queries.join("\n").match(/\bgreenpool_\w+/g) ?? [])
  })

  live("are what happens in the pool, and can be read while it rejects callers", function*() {
    const address = yield* serve
    const work = Effect.forEach(["/work", "/fail", "/work"], (path) => HttpClient.get(address + path))
    assert.deepStrictEqual((yield* work).map(({ status }) => status), [200, 500, 200])
    yield* Effect.orDie(Api.resize(2))
    const gate = yield* Deferred.make<void>()
    const hold = Effect.forkChild(Api.run(Deferred.await(gate)), { startImmediately: true })
    const held = yield* Effect.all([hold, hold, hold, hold, hold])
    const metrics = yield* HttpClient.get(`${address}/metrics`)
    assert.match(metrics.headers["content-type"] ?? "", /^text\/plain; version=0\.0\.4/)
    const text = yield* metrics.text
    for (const gauge of [`size{pool="api"} 2`, `running{pool="api"} 2`, `waiting{pool="api"} 3`]) {
      assert.include(text, `greenpool_${gauge}\n`)
    }
    yield* Fiber.interrupt(held[0])
    yield* Deferred.succeed(gate, undefined)
    yield* Fiber.joinAll(held.slice(1))
    yield* Effect.orDie(Api.resize(0))
    const rejected = yield* HttpClient.get(`${address}/work`)
    assert.deepInclude(rejected, { status: 503 })
    assert.strictEqual(rejected.headers["retry-after"], "1")
    assert.match(yield* rejected.text, /its queue is full/)
    const after = yield* (yield* HttpClient.get(`${address}/metrics`)).text
    const outcomes = { success: 6, failure: 1, interruption: 1, rejection: 1 }
    for (const [outcome, count] of Object.entries(outcomes)) {
      assert.include(after, `greenpool_jobs_total{pool="api",outcome="${outcome}"} ${count}\n`)
    }
  })
})
