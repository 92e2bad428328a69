// Four pools with uneven load on a live page: one with a queue that comes and goes, one whose jobs lend their slots to
// jobs inside them, one that is hardly busy, and one that never fills up. Programs of this machine may resize and pause.
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { GreenPool } from "@greenpool/core"
import { Dashboard } from "@greenpool/dashboard"
import { Clock, Console, Effect, Layer, Random, Schema } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"

/** Calls to an API, for customers of two kinds: twice the share for silver. More than 40 in the queue are rejected. */
class ApiPool extends GreenPool.Service<ApiPool>()("app/ApiPool", {
  size: 12,
  maxWaiting: 40,
  weight: (key) => key === "silver" ? 2 : 1,
  metrics: true
}) {}

class Thumbnails extends GreenPool.Service<Thumbnails>()("app/Thumbnails", { size: 6, metrics: true }) {}

/** Not measured: its row has no times. */
class Mail extends GreenPool.Service<Mail>()("app/Mail", { size: 4 }) {}

class Crawl extends GreenPool.Service<Crawl>()("crawl", { size: 64, metrics: true }) {}

class WorkFailed extends Schema.TaggedError<WorkFailed>()("WorkFailed", {}) {}

/** Takes so many milliseconds in the mean, and fails now and then. */
const work = (mean: number, failing = 0) =>
  Effect.gen(function*() {
    yield* Effect.sleep(mean * (0.3 + 1.4 * (yield* Random.next)))
    if ((yield* Random.next) < failing) return yield* new WorkFailed()
  })

/** Starts jobs at random, so many a second. */
const clients = <E, R>(rate: (seconds: number) => number, job: Effect.Effect<unknown, E, R>) =>
  Effect.gen(function*() {
    while (true) {
      const seconds = (yield* Clock.currentTimeMillis) / 1000
      // The times between clients that know nothing of each other.
      yield* Effect.sleep(-1000 * Math.log(1 - (yield* Random.next)) / Math.max(0.1, rate(seconds)))
      yield* Effect.forkChild(Effect.ignore(job))
    }
  })

const waves = (mean: number, seconds: number) => (now: number) => mean * (1 + Math.sin(2 * Math.PI * now / seconds))

const bronzeOrSilver = Effect.flatMap(
  Random.next,
  (random) => ApiPool.run(work(300, 0.03), { key: random < 0.8 ? "bronze" : "silver" })
)

/** Each thumbnail reads its picture in a job of the same pool: on a full pool, that borrows the slot. */
const thumbnail = Thumbnails.run(Effect.andThen(work(50), Thumbnails.run(work(50))))

const load = Effect.all([
  clients(waves(42, 25), bronzeOrSilver),
  clients(waves(30, 33), thumbnail),
  clients(() => 1, Mail.run(work(400))),
  clients(waves(40, 60), Crawl.run(work(300, 0.01)))
], { concurrency: "unbounded" })

const layerPools = Layer.mergeAll(ApiPool.layer, Thumbnails.layer, Mail.layer, Crawl.layer)

/** The server, on a port of this machine; 0 is any that is free. */
const layerServer = (port: number) =>
  HttpRouter.serve(
    Dashboard.layer({
      pools: [Crawl, ApiPool, Thumbnails, Mail],
      title: "Shop backend",
      access: Dashboard.local("steer"),
      // These name no persons.
      keys: true
    }),
    { disableLogger: true, disableListenLog: true }
  ).pipe(Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port })))

export const main = ({ port }: { readonly port: number }) =>
  Effect.gen(function*() {
    const { address } = yield* HttpServer.HttpServer
    yield* Console.log(`The dashboard is at ${HttpServer.formatAddress(address)}/greenpool, until Ctrl-C`)
    yield* load
    // The server ends before its pools.
  }).pipe(Effect.provide(Layer.provideMerge(layerServer(port), layerPools)))
