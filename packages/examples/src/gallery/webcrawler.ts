// Fetches many URLs concurrently, and prints the size of each page, in the order of the URLs.
import { GreenPool } from "@greenpool/core"
import { Console, Effect, Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpClientResponse } from "effect/http"
import { startSite } from "../embedded/site.ts"

/** A job: fetches a page and says how long it is. A page that cannot be fetched is a line too, and ends nothing. */
const measure = (url: string) =>
  HttpClient.get(url).pipe(
    Effect.flatMap(HttpClientResponse.filterStatusOk),
    Effect.flatMap((response) => response.arrayBuffer),
    // On the job, so that the time in the queue does not count.
    Effect.timeout("10 seconds"),
    Effect.match({
      onSuccess: (body) => `${url}: ${body.byteLength} bytes`,
      onFailure: (error) => `${url}: ${error.message}`
    })
  )

/** The lines come as a stream, each as soon as those before it are there, for a list of URLs of any length. */
export const webcrawler = (urls: Iterable<string>): Stream.Stream<string, never, GreenPool | HttpClient.HttpClient> =>
  GreenPool.imap(measure, urls)

export const main = Effect.fn("webcrawler")(
  function*({ urls }: { readonly urls: ReadonlyArray<string> }) {
    const list = urls.length > 0 ? urls : (yield* startSite).urls
    yield* Stream.runForEach(webcrawler(list), (line) => Console.log(line))
  },
  Effect.scoped,
  Effect.provide([GreenPool.layer({ size: 10 }), FetchHttpClient.layer])
)
