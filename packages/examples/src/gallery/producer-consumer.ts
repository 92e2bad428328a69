// A queue feeds the pool: consumers fetch pages and put the links that they find into the queue; the producer takes new
// ones out of it, until nothing new comes. Unlike in recursive-crawler, only one place starts jobs.
import { GreenPool } from "@greenpool/core"
import { Console, Effect, Option, Queue } from "effect"
import { FetchHttpClient } from "effect/http"
import { startSite } from "../embedded/site.ts"
import { NoStartPage, readLinks } from "./pages.ts"

/** A consumer: what it finds goes into the queue. What fails is reported, and ends nothing else. */
const consume = (url: string, found: Queue.Enqueue<string>, missing: Set<string>) =>
  readLinks(url).pipe(
    Effect.flatMap((links) => Queue.offerAll(found, links)),
    Effect.catch((error) => {
      missing.add(url)
      return Console.log(`${url}: ${error.message}`)
    })
  )

/** Visits all pages of a site, at most `limit`, and returns those of each round. */
export const producerConsumer = Effect.fn("producerConsumer")(function*(start: string, limit = Infinity) {
  // Unbounded: a consumer that waited for room in the queue would keep its slot, while the producer waits for one.
  const queue = yield* Queue.unbounded<string>()
  const seen = new Set<string>()
  const missing = new Set<string>()
  const rounds: Array<ReadonlyArray<string>> = []
  yield* Queue.offer(queue, start)

  while ((yield* Queue.size(queue)) > 0) {
    const round: Array<string> = []
    // What consumers find meanwhile is in the same round. On a full pool, `spawnN` waits.
    for (let next = yield* Queue.poll(queue); Option.isSome(next); next = yield* Queue.poll(queue)) {
      const url = next.value
      if (seen.has(url) || seen.size >= limit) continue
      seen.add(url)
      round.push(url)
      yield* GreenPool.spawnN(consume(url, queue, missing))
    }
    // The queue is empty, but those that run may still fill it. When all have ended and it is empty still, that is the end.
    yield* GreenPool.waitall
    if (round.length > 0) rounds.push(round)
  }
  if (missing.has(start)) return yield* new NoStartPage({ url: start })
  return rounds
})

export const main = Effect.fn("producer-consumer")(
  function*({ pages, start }: { readonly pages: number; readonly start: Option.Option<URL> }) {
    const url = Option.isSome(start) ? start.value.href : (yield* startSite).start
    const rounds = yield* producerConsumer(url, pages)
    yield* Effect.forEach(rounds, (round, index) => Console.log(`round ${index + 1}: ${round.join(" ")}`))
  },
  Effect.scoped,
  Effect.provide([GreenPool.layer({ size: 10 }), FetchHttpClient.layer])
)
