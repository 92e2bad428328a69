// An HTTP server whose requests are jobs of a measured pool: /metrics has the figures in the text format of Prometheus.
// Clients of its own keep it busy, more and fewer of them in turn, so that there is something to see.
import { GreenPool, type PoolFull } from "@greenpool/core"
import { Console, Effect, Layer, Random, Schema } from "effect"
import { FetchHttpClient, HttpClient, HttpRouter, HttpServerResponse } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import { clients, waves } from "../embedded/clients.ts"
import { serve } from "./serve.ts"

/** The pool of all requests. Its name is the label `pool` of all that Prometheus reads. */
export class Api extends GreenPool.Service<Api>()("api", {
  size: 4,
  maxWaiting: (size) => 4 * size,
  metrics: true
}) {}

class WorkFailed extends Schema.TaggedError<WorkFailed>()("WorkFailed", {}) {}

const work = Effect.flatMap(Random.nextBetween(10, 90), (millis) => Effect.sleep(millis))

/** Runs a request in the pool. Reading `/metrics` takes no slot: it must answer when the pool is full. */
const inPool = (job: Effect.Effect<void, WorkFailed>) =>
  Api.run(job).pipe(
    Effect.as(HttpServerResponse.text("done\n")),
    Effect.catchTags({
      PoolFull: ({ message }: PoolFull) =>
        Effect.succeed(HttpServerResponse.text(`${message}\n`, { status: 503, headers: { "retry-after": "1" } })),
      WorkFailed: () => Effect.succeed(HttpServerResponse.text("failed\n", { status: 500 }))
    })
  )

/** Starts the server, and returns its address. */
export const startServer = (port: number) =>
  serve(
    Layer.mergeAll(
      HttpRouter.add("GET", "/work", inPool(work)),
      HttpRouter.add("GET", "/fail", inPool(Effect.andThen(work, new WorkFailed()))),
      PrometheusMetrics.layerHttp()
    ),
    port
  )

/** Clients: so many a second as half the peak, the peak, half, next to none, in each minute. */
export const load = (address: string, peak: number) => {
  const path = Effect.map(Random.next, (random) => random < 0.02 ? "/fail" : "/work")
  const get = Effect.flatMap(path, (path) => HttpClient.get(address + path))
  // One that has waited too long hangs up, and its job is interrupted or leaves the queue.
  return clients(waves(peak / 2, 60), Effect.timeout(get, "300 millis"))
}

const howTo = (address: string) =>
  `listening on ${address}: every request to /work is a job of the pool "api"

What it shows:  curl -s ${address}/metrics | grep greenpool_
In Prometheus:  prometheus --config.file docs/observing/prometheus.yml   (it reads from port 9464)
In Grafana:     import docs/observing/grafana-dashboard.json`

export const main = ({ peak, port }: { readonly peak: number; readonly port: number }) =>
  Effect.gen(function*() {
    const address = yield* startServer(port)
    yield* Console.log(howTo(address))
    return peak > 0 ? yield* load(address, peak) : yield* Effect.never
    // The server ends before its pool.
  }).pipe(Effect.scoped, Effect.provide([Api.layer, FetchHttpClient.layer]))
