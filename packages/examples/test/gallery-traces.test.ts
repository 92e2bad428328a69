import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type Metric, type Span, startCollector, toObject } from "./collector.ts"
import { runExample } from "./example.ts"

const named = (spans: ReadonlyArray<Span>, name: string) => spans.filter((span) => span.name === name)

const childrenOf = (spans: ReadonlyArray<Span>, parent: Span | undefined) =>
  spans.filter(({ parentSpanId }) => parentSpanId === parent?.spanId)

const lengthOf = (span: Span) => span.endTimeUnixNano - span.startTimeUnixNano

/** What the pool of the example has measured, as it is sent while the pool is open. */
const measured = (metrics: ReadonlyArray<ReadonlyArray<Metric>>) => {
  const open = metrics.find((all) => all.some(({ name }) => name === "greenpool_size")) ?? []
  return (name: string) => open.find((metric) => metric.name === name)
}

/** How many waits and jobs the trees have that are printed. */
const printed = (text: string) => ({
  queued: text.match(/^ {4}greenpool\.wait +queued \d+ ms$/gm)?.length ?? 0,
  ran: text.match(/^ {4}render report +ran \d+ ms$/gm)?.length ?? 0
})

const attributes = { pool: "reports" }

describe("traces", { timeout: 30_000, concurrent: true }, () => {
  it.live("show the wait of a request apart from its job, in a collector too", () =>
    Effect.gen(function*() {
      const { address, metrics, refused, services, spans } = yield* startCollector
      const { code, stderr, stdout } = yield* runExample("traces", "--collector", `${address}/`, "--requests", "5")
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.deepStrictEqual(refused, [])
      assert.deepStrictEqual([...services], ["greenpool-traces"])

      // A trace for each request: client, server, and under the server's span the wait beside the job.
      const requests = childrenOf(spans, undefined)
      assert.strictEqual(new Set(requests.map(({ traceId }) => traceId)).size, 5)
      for (const request of requests) {
        const [server, ...others] = childrenOf(spans, request)
        assert.deepStrictEqual([request.kind, server?.kind, others], [3, 2, []])
        assert.strictEqual(server?.traceId, request.traceId)
        const inServer = childrenOf(spans, server)
        const [wait] = named(inServer, "greenpool.wait")
        const [job] = named(inServer, "render report")
        assert.isDefined(job)
        assert.deepStrictEqual(inServer.length, wait === undefined ? 1 : 2)
        assert.isAtLeast(Number(lengthOf(job!)), 29_000_000)
        if (wait === undefined) continue
        assert.deepStrictEqual(toObject(wait.attributes), { "greenpool.pool": "reports", "greenpool.size": 1 })
        assert.deepStrictEqual([wait.kind, wait.status.code, childrenOf(spans, wait)], [1, 1, []])
        assert.isTrue(server!.startTimeUnixNano <= wait.startTimeUnixNano)
        assert.isTrue(wait.endTimeUnixNano <= job!.startTimeUnixNano)
        assert.isTrue(lengthOf(wait) + lengthOf(job!) <= lengthOf(server!))
      }

      // One had a slot at once. Of the others, each waited at least as long as the jobs before it took.
      const waits = named(spans, "greenpool.wait").sort((a, b) => Number(a.endTimeUnixNano - b.endTimeUnixNano))
      assert.strictEqual(waits.length, 4)
      const jobs = named(spans, "render report").sort((a, b) => Number(a.endTimeUnixNano - b.endTimeUnixNano))
      waits.forEach((wait, index) => assert.isTrue(wait.endTimeUnixNano >= jobs[index]!.endTimeUnixNano))

      // Metrics go the same way.
      const metric = measured(metrics)
      const total = metric("greenpool_jobs_total")
      assert.deepInclude(total?.sum, { isMonotonic: true, aggregationTemporality: 2 })
      assert.sameDeepMembers(
        total?.sum?.dataPoints.map(({ asDouble, attributes }) => [asDouble, toObject(attributes)]) ?? [],
        [5, 0, 0, 0].map((count, index) => [
          count,
          { ...attributes, outcome: ["success", "failure", "interruption", "rejection"][index] }
        ])
      )
      for (
        const [name, value] of [["greenpool_size", 1], ["greenpool_running", 0], ["greenpool_waiting", 0]] as const
      ) {
        const [point] = metric(name)?.gauge?.dataPoints ?? []
        assert.deepStrictEqual([point?.asDouble, toObject(point?.attributes ?? [])], [value, attributes])
      }
      for (const name of ["greenpool_wait_seconds", "greenpool_run_seconds"]) {
        const histogram = metric(name)?.histogram
        const [point] = histogram?.dataPoints ?? []
        assert.strictEqual(histogram?.aggregationTemporality, 2)
        assert.deepStrictEqual([point?.count, toObject(point?.attributes ?? [])], [5, attributes])
        assert.deepStrictEqual([point?.explicitBounds[0], point?.explicitBounds.at(-1)], [0.001, 300])
        // A bucket more than bounds: that of all above.
        assert.strictEqual(point?.bucketCounts.length, (point?.explicitBounds.length ?? 0) + 1)
        assert.strictEqual(point?.bucketCounts.reduce((sum, count) => sum + count, 0), 5)
      }
      assert.deepStrictEqual(printed(stdout), { queued: 4, ran: 5 })
      assert.include(stdout, `sent to ${address}`)
    }).pipe(Effect.scoped))

  it.live("are printed where there is no collector", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* runExample("traces", "--requests", "2")
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.deepStrictEqual(printed(stdout), { queued: 1, ran: 2 })
    }))

  it.live("are not made for a collector that is named and not there, and the example says so", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* runExample("traces", "--collector", "http://127.0.0.1:1")
      assert.strictEqual(code, 1)
      assert.match(stderr, /^There is no collector at http:\/\/127\.0\.0\.1:1\/: .* ECONNREFUSED 127\.0\.0\.1:1\n$/)
      assert.deepStrictEqual(printed(stdout), { queued: 0, ran: 0 })
    }))
})
