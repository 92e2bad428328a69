import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeStream from "@effect/platform-node/NodeStream"
import { Duration, Effect, Layer, Schedule, Schema, Stream } from "effect"
import { HttpClient, type HttpClientError, HttpClientRequest, type HttpClientResponse } from "effect/http"
import type { Duplex } from "node:stream"
import { TextDecoder } from "node:util"
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from "node:zlib"
import { contentType } from "../charset.ts"
import { type Links, makeLinkReader } from "./links.ts"

/** The name that robots.txt files and servers know this program by. */
export const USER_AGENT = "greenpool-linkcheck"

/** Why a link leads nowhere. */
export const Reason = Schema.Literals([
  "Status",
  "Timeout",
  "Unreachable",
  "Closed",
  "Garbage",
  "Truncated",
  "RedirectLoop",
  "TooManyRedirects",
  "InvalidRedirect",
  "InvalidUrl"
])

/** A link that leads nowhere. `detail` is for people: its words may differ from run to run. */
export class LinkError extends Schema.TaggedError<LinkError>()("LinkError", {
  reason: Reason,
  detail: Schema.String,
  status: Schema.optionalKey(Schema.Int),
  bytes: Schema.optionalKey(Schema.Int)
}) {
  override get message() {
    return this.detail
  }
}

/** What a server says about a URL that is not broken. */
export interface Answer {
  readonly status: number
  /** `Location` of a redirect, as the server wrote it. */
  readonly location: string | undefined
  /** Size of the body as it travels, declared or counted; undefined when it is neither declared nor read to its end. */
  readonly bytes: number | undefined
  /** Whether the page goes on beyond `pageLimit`, so that not all its links are known. */
  readonly truncated: boolean
}

/** A page of the site: what the server says about it, and the links it holds if it is HTML. */
export interface Page {
  readonly answer: Answer
  readonly links: Links | undefined
}

export interface RequestOptions {
  /** Longest time for an attempt, body included. */
  readonly timeout: Duration.Duration
  /** Attempts after the first, made where another one may help. */
  readonly retries: number
  /** How many bytes of a page are read for links. */
  readonly pageLimit: number
}

/** So much of a body that is not read for links is taken off the wire, to keep the connection; more is cut off. */
const SKIM_LIMIT = 64 * 1024

const decoders = new Map<string, () => Duplex>([
  ["gzip", createGunzip],
  ["deflate", createInflate],
  ["br", createBrotliDecompress],
  ["zstd", createZstdDecompress]
])

/** The HTTP client: Undici, which follows no redirects, with no time limits of its own and nothing added for tracing. */
export const layerClient: Layer.Layer<HttpClient.HttpClient> = Layer.effect(
  HttpClient.HttpClient,
  Effect.map(
    HttpClient.HttpClient,
    HttpClient.mapRequest(HttpClientRequest.setHeaders({
      "user-agent": USER_AGENT,
      "accept": "text/html,application/xhtml+xml,*/*;q=0.8",
      // Not deflate: servers do not agree on what it means.
      "accept-encoding": "gzip, br, zstd"
    }))
  )
).pipe(
  Layer.provide(NodeHttpClient.layerUndiciOptions({ connect: { timeout: 0 } })),
  Layer.merge(Layer.succeed(HttpClient.TracerPropagationEnabled, false))
)

type Request<A> = Effect.Effect<A, LinkError, HttpClient.HttpClient>

/** Requests a page of the site and reads its links. */
export const readPage = (url: string, options: RequestOptions): Request<Page> =>
  attempts(exchange("GET", url, options.pageLimit), options)

/** Requests a URL elsewhere. Many servers fail at HEAD, so that a link is not called broken on its word alone. */
export const checkOnly = (url: string, options: RequestOptions): Request<Page> =>
  attempts(
    Effect.catchIf(exchange("HEAD", url, 0), (error) => error.reason === "Status", () => exchange("GET", url, 0)),
    options
  )

/** Requests a small text file, by redirects too; what it holds beyond `limit` is cut off. */
export const readText = (url: string, limit: number, options: RequestOptions): Request<string> =>
  attempts(
    Effect.gen(function*() {
      const client = HttpClient.followRedirects(yield* HttpClient.HttpClient, 5)
      const response = yield* client.get(url).pipe(Effect.mapError((error) => failure(error, "Unreachable")))
      const chunks: Array<Uint8Array> = []
      yield* readBody(response, limit, (chunk) => chunks.push(chunk))
      if (response.status >= 400) return yield* refused(response.status, undefined)
      return new TextDecoder().decode(Buffer.concat(chunks))
    }),
    options
  )

/** Waits between attempts: 0.2 s, 0.4 s, … at most 5 s. */
const backOff = Schedule.min([Schedule.exponential("200 millis"), Schedule.spaced("5 seconds")])

const attempts = <A, R>(
  attempt: Effect.Effect<A, LinkError, R>,
  { retries, timeout }: RequestOptions
): Effect.Effect<A, LinkError, R> =>
  attempt.pipe(
    Effect.timeoutOrElse({
      duration: timeout,
      orElse: () =>
        Effect.fail(new LinkError({ reason: "Timeout", detail: `no answer within ${Duration.format(timeout)}` }))
    }),
    Effect.retry({ times: retries, while: mayPass, schedule: backOff })
  )

/** Whether a failure may pass: all but a definite answer of the server. */
const mayPass = ({ reason, status = 0 }: LinkError): boolean =>
  reason === "Status" ? status === 408 || status === 429 || status >= 500 && status < 600 : reason !== "InvalidUrl"

const exchange = Effect.fnUntraced(function*(method: "GET" | "HEAD", url: string, pageLimit: number) {
  const response = yield* HttpClient.execute(HttpClientRequest.make(method)(url)).pipe(
    Effect.mapError((error) => failure(error, "Unreachable"))
  )
  const { status } = response
  const { charset, type = "text/html" } = contentType(response.headers["content-type"])
  const xml = type === "application/xhtml+xml"
  const reader = pageLimit > 0 && status >= 200 && status < 300 && (xml || type === "text/html")
    ? makeLinkReader(new URL(url), { charset, xml })
    : undefined

  const body = yield* readBody(response, reader === undefined ? SKIM_LIMIT : pageLimit, reader?.write)
  const declared = Number(response.headers["content-length"] ?? -1)
  const counted = method === "GET" && body.complete ? body.bytes : undefined
  const bytes = Number.isSafeInteger(declared) && declared >= 0 ? declared : counted
  if (status >= 400) return yield* refused(status, bytes)
  const page: Page = {
    answer: {
      status,
      location: utf8(response.headers["location"]),
      bytes,
      truncated: reader !== undefined && !body.complete
    },
    links: reader?.end()
  }
  return page
})

/** Headers are read as Latin-1; where servers write other letters they mean UTF-8. */
const utf8 = (header: string | undefined): string | undefined =>
  header === undefined ? undefined : Buffer.from(header, "latin1").toString("utf8")

const refused = (status: number, bytes: number | undefined): LinkError =>
  new LinkError({
    reason: "Status",
    detail: `the server answered ${status}`,
    status,
    ...(bytes === undefined ? {} : { bytes })
  })

/** Reads a body up to a limit and closes the connection if there is more. */
const readBody = Effect.fnUntraced(function*(
  response: HttpClientResponse.HttpClientResponse,
  limit: number,
  write?: (chunk: Uint8Array) => void
) {
  let bytes = 0
  let read = 0
  const counted = Stream.map(response.stream, (chunk) => {
    bytes += chunk.length
    return chunk
  }).pipe(Stream.mapError((error) => failure(error, "Truncated")))
  yield* Stream.runForEachWhile(
    write === undefined ? counted : decompressed(counted, response.headers["content-encoding"]),
    (chunk) =>
      Effect.sync(() => {
        write?.(chunk.subarray(0, limit - read))
        read += chunk.length
        return read <= limit
      })
  )
  return { bytes, complete: read <= limit }
})

const decompressed = (
  body: Stream.Stream<Uint8Array, LinkError>,
  encodings: string | undefined
): Stream.Stream<Uint8Array, LinkError> => {
  const names = (encodings ?? "").toLowerCase().split(",").map((name) => name.trim().replace(/^x-/, ""))
  return names.filter((name) => name !== "" && name !== "identity").reduceRight((body, name) => {
    const evaluate = decoders.get(name)
    const onError = () => new LinkError({ reason: "Garbage", detail: `the body is no valid ${name}` })
    return evaluate === undefined
      ? Stream.fail(onError())
      : NodeStream.pipeThroughDuplex(body, { evaluate, onError })
  }, body)
}

const failure = (error: HttpClientError.HttpClientError, otherwise: LinkError["reason"]): LinkError => {
  const { code, message, name } = origin(error)
  const detail = code === undefined || message.includes(code) ? message : `${message} (${code})`
  if (error.reason._tag === "InvalidUrlError") return new LinkError({ reason: "InvalidUrl", detail })
  if (name === "HTTPParserError" || name === "HeadersOverflowError") return new LinkError({ reason: "Garbage", detail })
  const closed = code === "UND_ERR_SOCKET" || code === "ECONNRESET" || code === "EPIPE"
  return new LinkError({ reason: closed && otherwise === "Unreachable" ? "Closed" : otherwise, detail })
}

/** The innermost cause, which is the one that tells: "connect ECONNREFUSED …", not "fetch failed". */
const origin = (error: Error): Pick<Error, "message" | "name"> & { readonly code: string | undefined } => {
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause
  if (inner instanceof Error) return origin(inner)
  const { message, name } = error
  return { message, name, code: "code" in error && typeof error.code === "string" ? error.code : undefined }
}
