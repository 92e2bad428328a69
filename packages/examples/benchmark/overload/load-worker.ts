import autocannon from "autocannon"
import type { EventEmitter } from "node:events"
import { setTimeout } from "node:timers/promises"
import { parentPort, workerData } from "node:worker_threads"
import { type Answers, DEADLINE, type Load } from "./load.ts"

/**
 * A connection of autocannon sends what it may send in a second at the start of that second. So that the requests come
 * at even distances, each connection sends one a second, and so many groups of connections start one after the other.
 */
const GROUPS = 20

const good: Array<number> = []
const counts = { sent: 0, refused: 0, retryAfter: 0, other: 0 }

const setupClient = (client: EventEmitter): void => {
  client.on("request", () => counts.sent++)
  client.on("headers", ({ headers, statusCode }: { readonly headers: ReadonlyArray<string>; statusCode: number }) => {
    if (statusCode === 503 && headers.some((text) => text.toLowerCase() === "retry-after")) counts.retryAfter++
  })
  client.on("response", (status: number, _bytes: number, time: number) => {
    if (status === 503) counts.refused++
    else if (status !== 200) counts.other++
    else if (time <= DEADLINE) good.push(time)
  })
}

const load: Load = workerData
const warmup = load.kind === "Open" ? load.warmup : 0
const options = {
  url: load.url,
  setupClient,
  // Longer than the load: it ends when it is read off below.
  duration: warmup + load.seconds + 10,
  timeout: DEADLINE / 1000
}
const counted = setTimeout(warmup * 1000).then(() => {
  good.length = 0
  Object.assign(counts, { sent: 0, refused: 0, retryAfter: 0, other: 0 })
})
const end = setTimeout((warmup + load.seconds) * 1000)

if (load.kind === "Closed") {
  for (const tenant of load.tenants) {
    void autocannon({ ...options, connections: load.connections, headers: { "x-tenant": tenant }, timeout: 60 })
  }
} else {
  const began = performance.now()
  const share = Math.round(load.rate / GROUPS)
  for (let group = 0; group < GROUPS; group++) {
    await setTimeout(Math.max(0, began + group * 1000 / GROUPS - performance.now()))
    void autocannon({ ...options, connections: share, overallRate: share })
  }
}

await counted
await end
const answers: Answers = { ...counts, good }
// A port of a thread has no origin to name.
// oxlint-disable-next-line unicorn/require-post-message-target-origin
parentPort?.postMessage(answers)
