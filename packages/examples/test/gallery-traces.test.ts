import { assert, describe } from "@effect/vitest"
import { type Span, startCollector, toObject } from "./collector.ts"
import { printedBy, runExample } from "./example.ts"
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
    const { address, metrics, services, spans } = yield* startCollector
    const stdout = yield* printedBy("traces", "--collector", `${address}/`, "--requests", "5")
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
    const points = (name: string) => {
      const { gauge, histogram, sum } = open.find((metric) => metric.name === `greenpool_${name}`) ?? {}
      const all = (gauge ?? histogram ?? sum)?.dataPoints ?? []
      return all.map(({ asDouble, attributes, count }): object => ({
        ...toObject(attributes),
        value: asDouble ?? count
      }))
    }
    const pool = "reports"
    for (const [name, value] of Object.entries({ size: 1, running: 0, waiting: 0, wait_seconds: 5, run_seconds: 5 })) {
      assert.deepStrictEqual(points(name), [{ pool, value }])
    }
    const outcomes = { success: 5, failure: 0, interruption: 0, rejection: 0 }
    const counts = Object.entries(outcomes).map(([outcome, value]) => ({ pool, outcome, value }))
    assert.sameDeepMembers(points("jobs_total"), counts)
  })

  live("are printed where there is no collector", function*() {
    assert.deepStrictEqual(printed(yield* printedBy("traces", "--requests", "2")), { queued: 1, ran: 2 })
  })

  live("are not made for a collector that is named and not there, and the example says so", function*() {
    const { code, stderr, stdout } = yield* runExample("traces", "--collector", "http://127.0.0.1:1")
    assert.strictEqual(code, 1)
    assert.match(stderr, /^There is no collector at http:\/\/127\.0\.0\.1:1\/: .* ECONNREFUSED 127\.0\.0\.1:1\n$/)
    assert.deepStrictEqual(printed(stdout), { queued: 0, ran: 0 })
  })
})
