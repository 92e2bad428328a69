import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Data, Deferred, Effect, Fiber, Layer, Metric, Schedule, Schema } from "effect"
import { HttpClient } from "effect/http"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Api, load, startServer } from "../src/gallery/metrics.ts"
import { runExample } from "./example.ts"
import { liveWith } from "./live.ts"
import { observing, prometheus, type Sample, startPrometheus } from "./prometheus.ts"

class NotYet extends Data.TaggedError("NotYet")<{ readonly cause: unknown }> {}

/** Makes an assertion about what an effect returns until it holds: Prometheus knows only what it has scraped. */
const eventually = <A, E, R>(effect: Effect.Effect<A, E, R>, assertion: (value: A) => void) =>
  Effect.tap(effect, (value) => Effect.try({ try: () => assertion(value), catch: (cause) => new NotYet({ cause }) }))
    .pipe(
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

/** As Grafana fills it in. */
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

/** The example's server in this process, and its address. */
const serve = startServer(0)

/** Each test has metrics of its own. */
const registry = Layer.sync(Metric.MetricRegistry, () => new Map())
const live = liveWith(Layer.mergeAll(Api.layer, NodeHttpClient.layerNodeHttp).pipe(Layer.provideMerge(registry)))
const withPrometheus = live.skipIf(prometheus === undefined)

// Side by side: a Prometheus scrapes nothing in its first 5 s.
describe("metrics", { timeout: 30_000, concurrent: true }, () => {
  withPrometheus("are read by a Prometheus, each as it is", function*() {
    const address = yield* serve
    const { query } = yield* startPrometheus(address)
    /** The values of a query, by the values of a label. */
    const values = (expression: string, label = "__name__") =>
      Effect.map(
        query(expression),
        (samples: ReadonlyArray<Sample>) =>
          Object.fromEntries(samples.map(({ labels, value }) => [labels[label], value]))
      )
    yield* Effect.orDie(Api.resize(2))
    const gate = yield* Deferred.make<void>()
    const hold = Effect.forkChild(Api.run(Deferred.await(gate)), { startImmediately: true })
    const held = yield* Effect.all([hold, hold, hold, hold, hold])
    yield* Effect.flip(Api.run(Effect.void, { maxWait: 0 }))
    const gauges = values(`{__name__=~"greenpool_(size|running|waiting)", job="app", pool="api"}`)
    yield* eventually(
      gauges,
      (found) => assert.deepStrictEqual(found, { greenpool_size: 2, greenpool_running: 2, greenpool_waiting: 3 })
    )

    yield* Fiber.interrupt(held[0])
    yield* Deferred.succeed(gate, undefined)
    yield* Fiber.joinAll(held.slice(1))
    for (const [path, expected] of [["/work", 200], ["/fail", 500], ["/work", 200]] as const) {
      assert.strictEqual((yield* HttpClient.get(address + path)).status, expected)
    }
    const all = Effect.all({
      outcomes: values("greenpool_jobs_total", "outcome"),
      counts: values(`{__name__=~"greenpool_.+_count"}`),
      atOnce: values(`{__name__=~"greenpool_.+_bucket", le="0.001"}`),
      buckets: values(`{__name__=~"greenpool_.+_bucket", le="+Inf"}`),
      sums: values(`{__name__=~"greenpool_.+_sum"}`)
    })
    yield* eventually(all, ({ atOnce, buckets, counts, outcomes, sums }) => {
      assert.deepStrictEqual(outcomes, { success: 6, failure: 1, interruption: 1, rejection: 1 })
      assert.deepStrictEqual(counts, { greenpool_wait_seconds_count: 8, greenpool_run_seconds_count: 8 })
      assert.deepStrictEqual(buckets, { greenpool_wait_seconds_bucket: 8, greenpool_run_seconds_bucket: 8 })
      // The first two and the requests found a slot; the others waited for a scrape.
      assert.strictEqual(atOnce["greenpool_wait_seconds_bucket"], 5)
      assert.isAbove(sums["greenpool_wait_seconds_sum"] ?? 0, 0)
      assert.isAbove(sums["greenpool_run_seconds_sum"] ?? 0, 0.03)
    })
  })

  withPrometheus("answer every query of the dashboard and the page", function*() {
    const address = yield* serve
    // The example's pool is not adaptive; one of its name that is has its series, too.
    yield* GreenPool.make({ name: "api", adaptive: true, metrics: true })
    yield* Effect.forkScoped(load(address, 160))
    const { names, query, rules } = yield* startPrometheus(address)
    assert.isNotEmpty(ofPage)
    const isAnswered = (expression: string) =>
      eventually(query(expression), (samples) => {
        assert.isNotEmpty(samples, expression)
        for (const { value } of samples) assert.isTrue(Number.isFinite(value), `${expression} is ${value}`)
      })
    yield* Effect.forEach([...ofDashboard, ...ofPage].map(filledIn), isAnswered, { concurrency: 8 })
    const alerts = yield* eventually(
      rules,
      (alerts) => assert.isFalse(alerts.some(({ health }) => health === "unknown"))
    )
    assert.isNotEmpty(alerts)
    for (const { health, name } of alerts) assert.strictEqual(health, "ok", name)
    const queries = [...ofDashboard, ...ofPage, ...alerts.map(({ query }) => query)]
    assert.includeMembers([...yield* names], queries.join("\n").match(/\bgreenpool_\w+/g) ?? [])
  })

  live("can be read while the pool rejects callers", function*() {
    const address = yield* serve
    yield* Effect.orDie(Api.resize(0))
    const { headers, status, text } = yield* HttpClient.get(`${address}/work`)
    assert.deepStrictEqual([status, headers["retry-after"]], [503, "1"])
    assert.match(yield* text, /its queue is full/)
    const metrics = yield* HttpClient.get(`${address}/metrics`)
    assert.match(metrics.headers["content-type"] ?? "", /^text\/plain; version=0\.0\.4/)
    assert.include(yield* metrics.text, `greenpool_jobs_total{pool="api",outcome="rejection"} 1\n`)
  })

  live("are an example that says so when its port is taken", function*() {
    const port = new URL(yield* serve).port
    const { code, stderr } = yield* runExample("metrics", "--port", port)
    assert.deepStrictEqual([code, stderr], [1, `listen EADDRINUSE: address already in use 127.0.0.1:${port}\n`])
  })
})
