// An HTTP server that takes the URLs of feeds, one a line, and answers with the titles of the feeds, in the same order.
// All requests share one pool, which bounds how many feeds are fetched concurrently; each has a pile of its own on it.
import { GreenPile, GreenPool } from "@greenpool/core"
import { ByteSize, Console, Effect, Schema, Stream } from "effect"
import {
  FetchHttpClient,
  HttpClient,
  type HttpClientError,
  HttpClientResponse,
  HttpIncomingMessage,
  HttpRouter,
  HttpServerRequest,
  HttpServerResponse
} from "effect/http"
import { parseFeed } from "feedsmith"
import { contentType, decoderOf } from "../charset.ts"
import { messageOf } from "../message.ts"
import { serve } from "./serve.ts"

/** What was fetched is not a feed that can be read. */
export class BadFeed extends Schema.TaggedError<BadFeed>()("BadFeed", { message: Schema.String }) {}

/** So much is read of a request, and of a feed. */
const MAX_BODY = ByteSize.mebibytes(4)

/** The title of a feed: RSS, RDF, Atom or JSON Feed. */
const readTitle = (text: string): Effect.Effect<string, BadFeed> =>
  Effect.try({
    try: () => {
      const { feed } = parseFeed(text)
      return (typeof feed.title === "object" ? feed.title.value : feed.title) ?? ""
    },
    catch: (error) => new BadFeed({ message: messageOf(error) })
  })

/** A job: fetches a feed and returns its title. What is wrong with a feed is the line in its place. */
const fetchTitle = Effect.fnUntraced(
  function*(url: string) {
    const response = yield* Effect.flatMap(HttpClient.get(url), HttpClientResponse.filterStatusOk)
    const bytes = yield* response.stream.pipe(
      Stream.limitBytes<BadFeed | HttpClientError.HttpClientError, never>(
        MAX_BODY,
        () => Stream.fail(new BadFeed({ message: "The feed is longer than 4 MiB" }))
      ),
      Stream.mkUint8Array
    )
    const { charset } = contentType(response.headers["content-type"])
    return yield* readTitle(decoderOf(bytes, charset).decode(bytes))
  },
  Effect.timeout("10 seconds"),
  Effect.catch((error) => Effect.succeed(`error: ${messageOf(error)}`)),
  Effect.map((line) => line.replace(/\s+/g, " ").trim())
)

/** The lines for the feeds of one request, in order. When the request is interrupted, so are its jobs. */
const scrape = Effect.fnUntraced(function*(urls: ReadonlyArray<string>) {
  const pile = yield* GreenPile.make<string>(yield* GreenPool)
  for (const url of urls) yield* pile.spawn(fetchTitle(url))
  return yield* Stream.runCollect(pile.results)
}, Effect.scoped)

const answer = Effect.gen(function*() {
  const request = yield* HttpServerRequest.HttpServerRequest
  const urls = (yield* request.text).split("\n").map((line) => line.trim()).filter((line) => line !== "")
  const titles = yield* scrape(urls)
  return HttpServerResponse.text(titles.map((title) => `${title}\n`).join(""))
}).pipe(Effect.provideService(HttpIncomingMessage.MaxBodySize, MAX_BODY))

/** Starts the server, and returns its address. */
export const startFeedscraper = (port: number) => serve(HttpRouter.add("POST", "/", answer), port)

export const main = ({ port, size }: { readonly port: number; readonly size: number }) =>
  Effect.gen(function*() {
    const address = yield* startFeedscraper(port)
    yield* Console.log(
      `listening on ${address}; try: echo https://hnrss.org/frontpage | curl --data-binary @- ${address}`
    )
    return yield* Effect.never
    // The server ends before its pool.
  }).pipe(Effect.scoped, Effect.provide([GreenPool.layer({ size }), FetchHttpClient.layer]))
