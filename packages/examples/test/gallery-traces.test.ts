import { assert, describe } from "@effect/vitest"
import { type Metric, type Span, startCollector, toObject } from "./collector.ts"
import { runExample } from "./example.ts"
import { live } from "./live.ts"

const named = (spans: ReadonlyArray<Span>, name: string) => spans.filter((span) => span.name === name)

const childrenOf = (spans: ReadonlyArray<Span>, parent: Span | undefined) =>
  spans.filter(({ parentSpanId }) => parentSpanId === parent?.spanId)

const lengthOf = (span: Span) => span.endTimeUnixNano - span.startTimeUnixNano

/** How many waits and jobs the trees have that are printed. */
const printed = (text: string) => ({
  queued: text.match(/^ {4}greenpool\.wait +queued \d+ ms$/gm)?.length ?? 0,
  ran: text.match(/^ {4}render report +ran \d+ ms$/gm)?.length ?? 0
})

const byEnd = (a: Span, b: Span) => Number(a.endTimeUnixNano - b.endTimeUnixNano)

describe("traces", { timeout: 30_000, concurrent: true }, () => {
  live("show the wait of a request apart from its job, in a collector too", function*() {
    const { address, metrics, refused, services, spans } = yield* startCollector
    const { code, stderr, stdout } = yield* runExample("traces", "--collector", `${address}/`, "--requests", "5")
    assert.deepStrictEqual([code, stderr], [0, ""])
    assert.deepStrictEqual([refused, [...services]], [[], ["greenpool-traces"]])

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
    const waits = named(spans, "greenpool.wait").sort(byEnd)
    const jobs = named(spans, "render report").sort(byEnd)
    assert.strictEqual(waits.length, 4)
    waits.forEach((wait, index) => assert.isTrue(wait.endTimeUnixNano >= jobs[index]!.endTimeUnixNano))
    assert.deepStrictEqual(printed(stdout), { queued: 4, ran: 5 })
    assert.include(stdout, `sent to ${address}`)

    // Metrics go the same way, while the pool is open.
    const open = metrics.find((all) => all.some(({ name }) => name === "greenpool_size")) ?? []
    const metric = (name: string) => open.find((metric) => metric.name === name)
    const points = (metric?: Metric["gauge"]) =>
      metric?.dataPoints.map(({ asDouble, attributes }): object => ({ ...toObject(attributes), value: asDouble }))
    const total = metric("greenpool_jobs_total")?.sum
    assert.deepInclude(total, { isMonotonic: true, aggregationTemporality: 2 })
    const outcomes = ["success", "failure", "interruption", "rejection"]
    const counts = outcomes.map((outcome, index) => ({ pool: "reports", outcome, value: [5, 0, 0, 0][index] }))
    assert.sameDeepMembers(points(total) ?? [], counts)
    for (const [name, value] of Object.entries({ size: 1, running: 0, waiting: 0 })) {
      assert.deepStrictEqual(points(metric(`greenpool_${name}`)?.gauge), [{ pool: "reports", value }])
    }
    for (const name of ["greenpool_wait_seconds", "greenpool_run_seconds"]) {
      const { aggregationTemporality, dataPoints: [point] } = metric(name)!.histogram!
      const { attributes, bucketCounts, count, explicitBounds } = point!
      assert.deepStrictEqual([aggregationTemporality, count, toObject(attributes)], [2, 5, { pool: "reports" }])
      assert.deepStrictEqual([explicitBounds[0], explicitBounds.at(-1)], [0.001, 300])
      // A bucket more than bounds: that of all above.
      assert.strictEqual(bucketCounts.length, explicitBounds.length + 1)
      assert.strictEqual(bucketCounts.reduce((sum, count) => sum + count, 0), 5)
    }
  })

  live("are printed where there is no collector", function*() {
    const { code, stderr, stdout } = yield* runExample("traces", "--requests", "2")
    assert.deepStrictEqual([code, stderr], [0, ""])
    assert.deepStrictEqual(printed(stdout), { queued: 1, ran: 2 })
  })

  live("are not made for a collector that is named and not there, and the example says so", function*() {
    const { code, stderr, stdout } = yield* runExample("traces", "--collector", "http://127.0.0.1:1")
    assert.strictEqual(code, 1)
    assert.match(stderr, /^There is no collector at http:\/\/127\.0\.0\.1:1\/: .* ECONNREFUSED 127\.0\.0\.1:1\n$/)
    assert.deepStrictEqual(printed(stdout), { queued: 0, ran: 0 })
  })
})
