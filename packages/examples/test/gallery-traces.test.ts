import { assert, describe } from "@effect/vitest"
import { type Span, startCollector, toObject } from "./collector.ts"
import { printedBy, runExample } from "./example.ts"
import { live } from "./live.ts"

const childrenOf = (spans: ReadonlyArray<Span>, parent: Span | undefined) =>
  spans.filter(({ parentSpanId }) => parentSpanId === parent?.spanId)

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

    // A trace for each request: client, server, and under the server's span the job, and before it the wait if there was one.
    const requests = childrenOf(spans, undefined)
    assert.strictEqual(new Set(requests.map(({ traceId }) => traceId)).size, 5)
    let waits = 0
    for (const request of requests) {
      const [server, ...others] = childrenOf(spans, request)
      assert.deepStrictEqual([request.kind, server?.kind, server?.traceId, others], [3, 2, request.traceId, []])
      const [job, wait] = childrenOf(spans, server).sort(byEnd).toReversed()
      assert.strictEqual(job?.name, "render report")
      if (wait === undefined) continue
      waits++
      assert.deepStrictEqual([wait.name, wait.kind, wait.status.code, childrenOf(spans, wait)], [
        "greenpool.wait",
        1,
        1,
        []
      ])
      assert.deepStrictEqual(toObject(wait.attributes), { "greenpool.pool": "reports", "greenpool.size": 1 })
      const times = [server!.startTimeUnixNano, wait.startTimeUnixNano, wait.endTimeUnixNano, job!.startTimeUnixNano]
      assert.deepStrictEqual(times.toSorted((a, b) => Number(a - b)), times)
    }
    assert.strictEqual(waits, 4)
    assert.deepStrictEqual(printed(stdout), { queued: 4, ran: 5 })
    assert.include(stdout, `sent to ${address}`)

    // Metrics go the same way, while the pool is open.
    const open = metrics.find((all) => all.some(({ name }) => name === "greenpool_size")) ?? []
    const values = open.flatMap(({ gauge, histogram, name, sum }) =>
      (gauge ?? histogram ?? sum)?.dataPoints.map(({ asDouble, attributes, count }) =>
        [name, ...Object.values(toObject(attributes)), asDouble ?? count].join(" ")
      ) ?? []
    )
    const counts = ["size reports 1", "running reports 0", "waiting reports 0", "wait_seconds reports 5"]
    const jobs = ["success 5", "failure 0", "interruption 0", "rejection 0"].map((ends) => `jobs_total reports ${ends}`)
    assert.includeMembers(values, [...counts, ...jobs].map((value) => `greenpool_${value}`))
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
