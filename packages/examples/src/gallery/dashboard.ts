// Four pools with uneven load on a live page: one with a queue that comes and goes, one whose jobs lend their slots to
// jobs inside them, one that is hardly busy, and one that never fills up. Programs of this machine may resize and pause.
import { GreenPool } from "@greenpool/core"
import { Dashboard } from "@greenpool/dashboard"
import { Console, Effect, Layer, Random, Schema } from "effect"
import { clients, waves } from "../embedded/clients.ts"
import { serve } from "./serve.ts"

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

const layerDashboard = Dashboard.layer({
  pools: [Crawl, ApiPool, Thumbnails, Mail],
  title: "Shop backend",
  access: Dashboard.local("steer"),
  // These name no persons.
  keys: true
})

export const main = ({ port }: { readonly port: number }) =>
  Effect.gen(function*() {
    yield* Console.log(`The dashboard is at ${yield* serve(layerDashboard, port)}/greenpool, until Ctrl-C`)
    yield* load
    // The server ends before its pools.
  }).pipe(Effect.scoped, Effect.provide(layerPools))
