import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Data, Deferred, Effect, Fiber, Metric, Schedule, Schema } from "effect"
import { HttpClient } from "effect/http"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Api, load, startServer } from "../src/gallery/metrics.ts"
import { runExample } from "./example.ts"
import { observing, prometheus, type Sample, startPrometheus } from "./prometheus.ts"

/** Again and again until it succeeds: Prometheus knows only what it has scraped. */
const eventually = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.retry(effect, { schedule: Schedule.spaced("50 millis"), times: 200 })

class NotYet extends Data.TaggedError("NotYet")<{ readonly cause: unknown }> {}

/** Fails where the assertion does. */
const expecting = (assertion: () => void) => Effect.try({ try: assertion, catch: (cause) => new NotYet({ cause }) })

const status = (url: string) => Effect.map(HttpClient.get(url), (response) => response.status)

/** The values of a query, by the values of a label. */
const by = (label: string, samples: ReadonlyArray<Sample>) =>
  Object.fromEntries(samples.map(({ labels, value }) => [labels[label], value]))

/** The example's server in this process, and its address. */
const serve = startServer(0)

/** Each test has metrics of its own. */
const services = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(
    Effect.provide([Api.layer, NodeHttpClient.layerNodeHttp]),
    Effect.provideService(Metric.MetricRegistry, new Map())
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

/** The queries of the page, each in a fence of its own. */
const ofPage = [...read("../observing.md").matchAll(/^```promql\n([^]*?)^```$/gm)].map(([, query = ""]) => query.trim())

const ofDashboard = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))

/** As Grafana fills it in. */
const filledIn = (query: string) =>
  query.replaceAll("$pool", "api").replaceAll("$instance", ".*").replaceAll("$__rate_interval", "2s")

const metricsIn = (text: string) => new Set(text.match(/\bgreenpool_\w+/g))

describe("the dashboard of the metrics", () => {
  it("has variables for the data source, the pools and the instances, which every query uses", () => {
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
})

const live = it.live.skipIf(prometheus === undefined)

// Side by side: a Prometheus scrapes nothing in its first 5 s.
describe("metrics", { timeout: 30_000, concurrent: true }, () => {
  live("are read by a Prometheus, each as it is", () =>
    Effect.gen(function*() {
      const address = yield* serve
      const { query } = yield* startPrometheus(address)
      yield* Effect.orDie(Api.resize(2))
      const gate = yield* Deferred.make<void>()
      const held = yield* Effect.forEach(
        [1, 2, 3, 4, 5],
        () => Effect.forkChild(Api.run(Deferred.await(gate)), { startImmediately: true })
      )
      yield* Effect.flip(Api.run(Effect.void, { maxWait: 0 }))
      yield* eventually(Effect.gen(function*() {
        const gauges = yield* query(`{__name__=~"greenpool_(size|running|waiting)", job="app"}`)
        const figures = by("__name__", gauges)
        yield* expecting(() => {
          assert.deepStrictEqual(figures, { greenpool_size: 2, greenpool_running: 2, greenpool_waiting: 3 })
          assert.deepStrictEqual(gauges.map(({ labels }) => labels["pool"]), ["api", "api", "api"])
        })
      }))

      yield* Fiber.interrupt(held[0]!)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.joinAll(held.slice(1))
      const statuses = yield* Effect.forEach(["/work", "/fail", "/work"], (path) => status(address + path))
      assert.deepStrictEqual(statuses, [200, 500, 200])
      yield* eventually(Effect.gen(function*() {
        const outcomes = by("outcome", yield* query("greenpool_jobs_total"))
        const counts = by("__name__", yield* query(`{__name__=~"greenpool_.+_count"}`))
        const atOnce = by("__name__", yield* query(`{__name__=~"greenpool_.+_bucket", le="0.001"}`))
        const all = by("__name__", yield* query(`{__name__=~"greenpool_.+_bucket", le="+Inf"}`))
        const sums = by("__name__", yield* query(`{__name__=~"greenpool_.+_sum"}`))
        yield* expecting(() => {
          assert.deepStrictEqual(outcomes, { success: 6, failure: 1, interruption: 1, rejection: 1 })
          assert.deepStrictEqual(counts, { greenpool_wait_seconds_count: 8, greenpool_run_seconds_count: 8 })
          assert.deepStrictEqual(all, { greenpool_wait_seconds_bucket: 8, greenpool_run_seconds_bucket: 8 })
          // The first two and the requests found a slot; the others waited for a scrape.
          assert.strictEqual(atOnce["greenpool_wait_seconds_bucket"], 5)
          assert.isAbove(sums["greenpool_wait_seconds_sum"] ?? 0, 0)
          assert.isAbove(sums["greenpool_run_seconds_sum"] ?? 0, 0.03)
        })
      }))
    }).pipe(Effect.scoped, services))

  live(
    "answer every query of the dashboard and the page",
    () =>
      Effect.gen(function*() {
        const address = yield* serve
        // The example's pool is not adaptive; one of its name that is has its series, too.
        yield* GreenPool.make({ name: "api", adaptive: true, metrics: true })
        yield* Effect.forkScoped(load(address, 160))
        const { names, query, rules } = yield* startPrometheus(address)
        assert.isNotEmpty(ofPage)
        yield* Effect.forEach(
          [...ofDashboard, ...ofPage].map(filledIn),
          (expression) =>
            eventually(Effect.flatMap(query(expression), (samples) =>
              expecting(() => {
                assert.isNotEmpty(samples, expression)
                for (const { value } of samples) assert.isTrue(Number.isFinite(value), `${expression} is ${value}`)
              }))),
          { concurrency: 8 }
        )

        const alerts = yield* eventually(
          Effect.tap(
            rules,
            (alerts) => expecting(() => assert.isFalse(alerts.some(({ health }) => health === "unknown")))
          )
        )
        assert.isNotEmpty(alerts)
        for (const { health, name } of alerts) assert.strictEqual(health, "ok", name)

        const used = metricsIn([...ofDashboard, ...ofPage, ...alerts.map(({ query }) => query)].join("\n"))
        const existing = yield* names
        for (const name of used) assert.include(existing, name)
      }).pipe(Effect.scoped, services)
  )

  it.live("can be read while the pool turns callers away", () =>
    Effect.gen(function*() {
      const address = yield* serve
      yield* Effect.orDie(Api.resize(0))
      const { headers, status, text } = yield* HttpClient.get(`${address}/work`)
      assert.deepStrictEqual([status, headers["retry-after"]], [503, "1"])
      assert.match(yield* text, /its queue is full/)
      const metrics = yield* HttpClient.get(`${address}/metrics`)
      assert.match(metrics.headers["content-type"] ?? "", /^text\/plain; version=0\.0\.4/)
      assert.include(yield* metrics.text, `greenpool_jobs_total{pool="api",outcome="rejection"} 1\n`)
    }).pipe(Effect.scoped, services))

  it.live("are an example that says so when its port is taken", () =>
    Effect.gen(function*() {
      const port = new URL(yield* serve).port
      const { code, stderr } = yield* runExample("metrics", "--port", port)
      assert.strictEqual(stderr, `listen EADDRINUSE: address already in use 127.0.0.1:${port}\n`)
      assert.strictEqual(code, 1)
    }).pipe(Effect.scoped, services))
})
