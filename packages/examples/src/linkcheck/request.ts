import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Clock, Data, Duration, Effect, Layer, Option, Result, Schema, Stream } from "effect"
import {
  type Cookies,
  Headers,
  HttpClient,
  type HttpClientError,
  HttpClientRequest,
  type HttpClientResponse
} from "effect/http"
import { TextDecoder } from "node:util"
import { contentType } from "../charset.ts"
import { causes } from "../message.ts"
import { decoded } from "./encoding.ts"
import { decodePercent, type Links, makeLinkReader, type Markup } from "./links.ts"

type Request = HttpClientRequest.HttpClientRequest
type Response = HttpClientResponse.HttpClientResponse
export type RequestHeaders = Readonly<Record<string, string>>

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
  bytes: Schema.optionalKey(Schema.Int),
  /** How many milliseconds the server asks to wait before the next request. */
  retryAfter: Schema.optionalKey(Schema.Finite)
}) {
  override get message() {
    return this.detail
  }
}

/** What a server says about a URL that isn't broken. */
export interface Answer {
  readonly status: number
  /** `Location` of a redirect, as the server wrote it. */
  readonly location: string | undefined
  readonly cookies: Cookies.Cookies
  /** Size of the body as it travels, declared or counted; undefined when it is neither declared nor read to its end. */
  readonly bytes: number | undefined
  /** Why the page wasn't read to its end, so that not all its links are known. */
  readonly cut: string | undefined
}

/** What the server says about a URL, and the links it holds if it was read for them. */
export interface Page {
  readonly answer: Answer
  readonly links: Links | undefined
}

/** The body of a page breaks off. A browser shows what has come until then. */
export class CutOff extends Data.TaggedError("CutOff")<{ readonly page: Page }> {}

export interface RequestOptions {
  /** Longest time for a request, body included. */
  readonly timeout: Duration.Duration
  /** How many bytes of a page are read for links. */
  readonly pageLimit: number
}

export interface ClientOptions {
  readonly timeout: Duration.Duration
  readonly userAgent?: string | undefined
  /** Whether to accept certificates that can't be verified. */
  readonly insecure?: boolean | undefined
}

/** The HTTP client: Undici, which follows no redirects, and nothing added for tracing. */
export const layerClient = ({ insecure = false, timeout, userAgent = USER_AGENT }: ClientOptions) =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.map(
      HttpClient.HttpClient,
      HttpClient.mapRequest((request) =>
        // What the request itself has comes last, so that `--header` overrides it.
        HttpClientRequest.setHeaders(request, {
          "user-agent": userAgent,
          "accept": "text/html,application/xhtml+xml,*/*;q=0.8",
          "accept-language": "en,*;q=0.5",
          // Not deflate: servers don't agree on what it means.
          "accept-encoding": "gzip, br, zstd",
          ...request.headers
        })
      )
    )
  ).pipe(
    Layer.provide(NodeHttpClient.layerUndiciOptions({
      // As much as Chromium takes; Undici's own limit is 16 KiB.
      maxHeaderSize: 256 * 1024,
      // It comes before the time limit of the request, to tell a host that can't be reached from one that doesn't answer.
      connect: { timeout: Duration.toMillis(timeout) * 0.7, rejectUnauthorized: !insecure }
    })),
    Layer.merge(Layer.succeed(HttpClient.TracerPropagationEnabled, false))
  )

/** A body that isn't read for links is drained, to keep the connection open; one that is larger or slower is cut off. */
const SKIM = { bytes: 64 * 1024, time: Duration.seconds(1) }

const MARKUP: ReadonlyMap<string, Markup> = new Map([
  ["text/html", "html"],
  ["application/xhtml+xml", "xhtml"],
  ["text/css", "css"]
])

export const isRedirect = (status: number): boolean => [301, 302, 303, 307, 308].includes(status)

/** Makes one request. A page is read for its links if `read` is set. */
export const exchange = Effect.fnUntraced(function*(
  request: Request,
  { pageLimit, read, timeout }: RequestOptions & { readonly read: boolean }
) {
  const { answer, response, timeLeft } = yield* send(request, timeout)
  const { charset, type = "text/html" } = contentType(response.headers["content-type"])
  const markup = read ? MARKUP.get(type) : undefined
  if (markup === undefined) return { answer: { ...answer, bytes: yield* skim(response) }, links: undefined }

  const reader = makeLinkReader(new URL(request.url), { charset, markup })
  const { bytes, failure, isLong, read: decoded } = yield* readBody(response, pageLimit, timeLeft, reader.write)
  const page = (cut: string | undefined): Page => ({
    answer: { ...answer, bytes: answer.bytes ?? (cut === undefined ? bytes : undefined), cut },
    links: reader.end()
  })
  if (failure === undefined) return page(isLong ? `longer than ${pageLimit} bytes` : undefined)
  return yield* decoded > 0 ? new CutOff({ page: page(failure.detail) }) : failure
})

/** A small text file, or where it is instead. */
export interface Text extends Pick<Answer, "status" | "location"> {
  readonly text: string
}

/** Requests a small text file; what it holds beyond `limit` is cut off at the end of a line. */
export const getText = Effect.fnUntraced(function*(request: Request, limit: number, timeout: Duration.Duration) {
  const { answer, response, timeLeft } = yield* send(request, timeout)
  const chunks: Array<Uint8Array> = []
  const { failure, isLong } = yield* readBody(response, limit, timeLeft, (chunk) => chunks.push(chunk))
  if (failure !== undefined) return yield* failure
  const text = new TextDecoder().decode(Buffer.concat(chunks))
  return {
    ...answer,
    text: isLong ? text.slice(0, 1 + Math.max(text.lastIndexOf("\n"), text.lastIndexOf("\r"))) : text
  }
})

/** What a server says before the body of its answer, and how much of the time limit is left for that. */
const send = Effect.fnUntraced(function*(request: Request, timeout: Duration.Duration) {
  const headers = { ...credentials(request.url), ...request.headers }
  const [elapsed, response] = yield* HttpClient.execute(HttpClientRequest.setHeaders(request, headers)).pipe(
    Effect.mapError((error) => failure(error, "Unreachable")),
    Effect.timeoutOrElse({
      duration: timeout,
      orElse: () =>
        Effect.fail(new LinkError({ reason: "Timeout", detail: `no answer within ${Duration.format(timeout)}` }))
    }),
    Effect.timed
  )
  if (response.status >= 400) return yield* refused(response, yield* skim(response))
  const answer: Answer = {
    status: response.status,
    location: utf8(response.headers["location"]) || undefined,
    cookies: response.cookies,
    bytes: declared(response),
    cut: undefined
  }
  return { answer, response, timeLeft: Duration.subtract(timeout, elapsed) }
})

/** What `http://name:password@host/` asks to send. */
export const credentials = (url: string): RequestHeaders => {
  const { password, username } = new URL(url)
  if (username === "" && password === "") return {}
  const bytes = Buffer.from(`${decodePercent(username)}:${decodePercent(password)}`)
  return { authorization: `Basic ${bytes.toString("base64")}` }
}

/** Headers are read as Latin-1; where servers write other letters they mean UTF-8. */
const utf8 = (header: string | undefined): string | undefined =>
  header === undefined ? undefined : Buffer.from(header, "latin1").toString("utf8")

const declared = (response: Response): number | undefined => {
  const length = Number(response.headers["content-length"] ?? -1)
  return Number.isSafeInteger(length) && length >= 0 ? length : undefined
}

const refused = Effect.fnUntraced(function*(response: Response, bytes: number | undefined) {
  const { status } = response
  const retryAfter = status === 429 || status === 503 ? waitOf(response, yield* Clock.currentTimeMillis) : undefined
  const asks = retryAfter === undefined ? "" : `, and asks to wait ${Duration.format(Duration.millis(retryAfter))}`
  return yield* new LinkError({
    reason: "Status",
    detail: `the server answered ${status}${asks}`,
    status,
    ...(bytes === undefined ? {} : { bytes }),
    ...(retryAfter === undefined ? {} : { retryAfter })
  })
})

/** `Retry-After` in milliseconds. A date in it is by the server's own clock. */
const waitOf = ({ headers }: Response, now: number): number | undefined => {
  const retryAfter = Headers.parseRetryAfter(headers["retry-after"] ?? "")
  if (Result.isFailure(retryAfter)) return undefined
  const wait = Headers.retryAfterDelay(retryAfter.success, Date.parse(headers["date"] ?? "") || now)
  return Math.min(Math.max(Duration.toMillis(wait), 200), Number.MAX_SAFE_INTEGER)
}

/** Drains a body, and returns its size if that is declared or small. Whether it works says nothing about the link. */
const skim = (response: Response): Effect.Effect<number | undefined> => {
  let bytes = 0
  return Stream.runForEachWhile(response.stream, (chunk) => {
    bytes += chunk.length
    return Effect.succeed(bytes <= SKIM.bytes)
  }).pipe(
    Effect.timeoutOption(SKIM.time),
    Effect.map((inTime) =>
      Option.isSome(inTime) && bytes <= SKIM.bytes && response.request.method === "GET" ? bytes : undefined
    ),
    Effect.orElseSucceed(() => undefined),
    Effect.map((bytes) => declared(response) ?? bytes)
  )
}

/** Reads a body up to a limit and closes the connection if there is more. */
const readBody = Effect.fnUntraced(function*(
  response: Response,
  limit: number,
  timeout: Duration.Duration,
  write: (chunk: Uint8Array) => void
) {
  let bytes = 0
  let read = 0
  const body = response.stream.pipe(
    Stream.mapError((error) => failure(error, "Truncated")),
    Stream.tap((chunk) => Effect.sync(() => bytes += chunk.length))
  )
  const garbage = (encoding: string) =>
    new LinkError({ reason: "Garbage", detail: `the body is not valid ${encoding}`, status: response.status })
  const cause = yield* Stream.runForEachWhile(
    decoded(body, response.headers["content-encoding"], garbage),
    (chunk) =>
      Effect.sync(() => {
        write(chunk.subarray(0, limit - read))
        read += chunk.length
        return read <= limit
      })
  ).pipe(
    Effect.timeoutOrElse({
      duration: timeout,
      orElse: () => Effect.fail(new LinkError({ reason: "Timeout", detail: "the body did not end in time" }))
    }),
    Effect.flip,
    Effect.option
  )
  return { bytes, read, isLong: read > limit, failure: Option.getOrUndefined(cause) }
})

/** What the innermost error says, which is the one that tells: "connect ECONNREFUSED …", not "fetch failed". */
const failure = (error: HttpClientError.HttpClientError, otherwise: LinkError["reason"]): LinkError => {
  const inner = [...causes(error)].findLast((at) => at instanceof Error) ?? error
  const { message, name } = inner
  const code = "code" in inner && typeof inner.code === "string" ? inner.code : undefined
  const detail = code === undefined || message.includes(code) ? message : `${message} (${code})`
  if (error.reason._tag === "InvalidUrlError") return new LinkError({ reason: "InvalidUrl", detail })
  if (name === "HTTPParserError" || name === "HeadersOverflowError") return new LinkError({ reason: "Garbage", detail })
  const closed = code === "UND_ERR_SOCKET" || code === "ECONNRESET" || code === "EPIPE"
  return new LinkError({ reason: closed && otherwise === "Unreachable" ? "Closed" : otherwise, detail })
}
