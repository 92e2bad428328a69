// An HTTP server that takes the URLs of feeds, one a line, and answers with the titles of the feeds, in the same order.
// All requests share one pool, which bounds how many feeds are fetched at once; each has a pile of its own on it.
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { GreenPile, GreenPool } from "@greenpool/core"
import { ByteSize, Console, Effect, Schema, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import {
  HttpClient,
  HttpClientResponse,
  HttpIncomingMessage,
  HttpServer,
  HttpServerRequest,
  HttpServerResponse
} from "effect/http"
import { parseFeed } from "feedsmith"
import { createServer } from "node:http"
import { contentType, sniff } from "../charset.ts"
import { integer, port } from "../flags.ts"

/** What was fetched is no feed that could be read. */
export class BadFeed extends Schema.TaggedError<BadFeed>()("BadFeed", { message: Schema.String }) {}

/** The title of a feed: RSS, RDF, Atom or JSON Feed. */
const readTitle = (text: string): Effect.Effect<string, BadFeed> =>
  Effect.try({
    try: () => {
      const { feed } = parseFeed(text)
      return (typeof feed.title === "object" ? feed.title.value : feed.title) ?? ""
    },
    catch: (error) => new BadFeed({ message: error instanceof Error ? error.message : String(error) })
  })

/** A job: it fetches a feed and gives its title. What is wrong with one feed is the line in its place. */
const fetchTitle = Effect.fnUntraced(
  function*(url: string) {
    const client = HttpClient.followRedirects(yield* HttpClient.HttpClient, 5)
    const response = yield* client.get(url).pipe(Effect.flatMap(HttpClientResponse.filterStatusOk))
    const bytes = new Uint8Array(yield* response.arrayBuffer)
    const encoding = sniff(bytes, contentType(response.headers["content-type"]).charset)
    return yield* readTitle(new TextDecoder(encoding).decode(bytes))
  },
  Effect.timeout("10 seconds"),
  // Node throws at a URL that it cannot ask, be it one of these or where a server redirects to.
  Effect.catchDefect((defect) => Effect.fail(new BadFeed({ message: String(defect) }))),
  Effect.catch((error) => Effect.succeed(`error: ${error.message}`)),
  Effect.map((line) => line.replace(/\s+/g, " ").trim())
)

/** The lines for the feeds of one request, in their order. When the request is interrupted, so are its jobs. */
const scrape = Effect.fnUntraced(function*(urls: ReadonlyArray<string>) {
  const pile = yield* GreenPile.make<string>(yield* GreenPool)
  for (const url of urls) yield* pile.spawn(fetchTitle(url))
  return yield* Stream.runCollect(pile.results)
}, Effect.scoped)

const answer = Effect.gen(function*() {
  const request = yield* HttpServerRequest.HttpServerRequest
  if (request.method !== "POST") {
    return HttpServerResponse.text("POST the URLs of feeds, one a line.\n", { status: 405, headers: { allow: "POST" } })
  }
  const urls = (yield* request.text).split("\n").map((line) => line.trim()).filter((line) => line !== "")
  const titles = yield* scrape(urls)
  return HttpServerResponse.text(titles.map((title) => `${title}\n`).join(""))
}).pipe(
  // For the request and for every feed.
  Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.mebibytes(4)),
  // A bare handler cannot be interrupted: the feeds of a client that has left would be fetched all the same.
  Effect.interruptible
)

/** Starts the server, and gives its address. It fetches what it is told to, so that it listens to this machine only. */
export const startFeedscraper = Effect.fn("startFeedscraper")(function*(port: number) {
  const server = yield* NodeHttpServer.make(createServer, { host: "127.0.0.1", port, gracefulShutdownTimeout: 0 })
  yield* server.serve(answer)
  return HttpServer.formatAddress(server.address)
})

const command = Command.make(
  "feedscraper",
  {
    port: port("Where to listen (default: any free port)").pipe(Flag.withDefault(0)),
    size: integer("size", "How many feeds are fetched at once", 20)
  },
  Effect.fn("feedscraper")(function*({ port, size }) {
    const serving = Effect.gen(function*() {
      const address = yield* startFeedscraper(port)
      yield* Console.log(`listening on ${address}; try: curl --data-binary @urls.txt ${address}`)
      return yield* Effect.never
    })
    // The server ends before its pool.
    return yield* serving.pipe(
      Effect.scoped,
      Effect.provide([GreenPool.layer({ size }), NodeHttpClient.layerNodeHttp])
    )
  })
).pipe(
  Command.withDescription("An HTTP server that takes the URLs of feeds, one a line, and answers with their titles.")
)

export const main = Command.run(command, { version: "0.1.0" })
