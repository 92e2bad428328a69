// Follows the links of a site from page to page, each page once: every page is a job, which starts jobs for its links.
import { GreenPool } from "@greenpool/core"
import { Console, Effect, Option } from "effect"
import { FetchHttpClient, type HttpClient } from "effect/http"
import { startSite } from "../embedded/site.ts"
import { NoStartPage, readLinks } from "./pages.ts"

/** Crawls the site of a page, and returns all its pages that it has found, at most `limit`. */
export const recursiveCrawler = Effect.fn("recursiveCrawler")(function*(start: string, limit = Infinity) {
  const seen = new Set<string>()
  const missing = new Set<string>()

  // No need to fear a pool that is full of jobs which all wait to start others: such a job lends its own slot to the one
  // that it starts. So this works at any size of the pool, 1 included.
  const visit = (url: string): Effect.Effect<void, never, GreenPool | HttpClient.HttpClient> =>
    Effect.gen(function*() {
      if (seen.has(url) || seen.size >= limit) return
      seen.add(url)
      yield* GreenPool.spawnN(
        Effect.gen(function*() {
          const links = yield* readLinks(url)
          yield* Console.log(`${url}: ${links.size === 1 ? "1 link" : `${links.size} links`}`)
          yield* Effect.forEach(links, visit)
        }).pipe(Effect.catch((error) => {
          missing.add(url)
          return Console.log(`${url}: ${error.message}`)
        }))
      )
    })

  yield* visit(start)
  // Nobody knows how many jobs there will be. The crawl is over when none runs and none waits.
  yield* GreenPool.waitall
  if (missing.has(start)) return yield* new NoStartPage({ url: start })
  return seen
})

export const main = Effect.fn("recursive-crawler")(
  function*({ pages, start }: { readonly pages: number; readonly start: Option.Option<URL> }) {
    const url = Option.isSome(start) ? start.value.href : (yield* startSite).start
    const seen = yield* recursiveCrawler(url, pages)
    yield* Console.log(seen.size === 1 ? "1 page" : `${seen.size} pages`)
  },
  Effect.scoped,
  Effect.provide([GreenPool.layer({ size: 10 }), FetchHttpClient.layer])
)
