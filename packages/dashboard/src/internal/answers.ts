/**
 * The answers of the dashboard's one route. The parts of the page are told apart by the query, never by the path, so
 * that it works under any path, with or without a slash at its end, whatever a proxy makes of it.
 */
import { Effect, Option, Schema, type Stream } from "effect"
import { type HttpServerRequest, HttpServerResponse } from "effect/http"
import type { Access, Authorize } from "../Access.ts"
import { assets } from "./assets.ts"
import type { Board } from "./board.ts"
import { fromBase64, gunzip } from "./bytes.ts"
import { commandRefusal, refusal, securityHeaders } from "./guard.ts"
import { header } from "./request.ts"
import type * as Wire from "./wire.ts"

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse
type Headers = Readonly<Record<string, string>>

export interface Settings {
  readonly title: string
  readonly hosts: ReadonlySet<string>
  readonly authorize: (request: Request) => Effect.Effect<Access>
  readonly challenge: Authorize["challenge"] | undefined
  readonly maxViewers: number
}

const noStore = { "cache-control": "no-store" }

const headersOf = (headers: Headers = noStore): Headers => ({ ...securityHeaders, ...headers })

const text = (status: number, body: string, headers?: Headers): Response =>
  HttpServerResponse.text(`${body}\n`, { status, headers: { ...headersOf(), ...headers } })

const json = (status: number, body: unknown): Response =>
  HttpServerResponse.jsonUnsafe(body, { status, headers: headersOf() })

const refused = (status: number, error: string): Response => json(status, { error } satisfies Wire.Refused)

/** What is compressed already, for clients that take it so, and for the others. */
const compressed = (
  { headers }: Request,
  bytes: Uint8Array<ArrayBuffer>,
  contentType: string,
  more: Headers
): Effect.Effect<Response> => {
  const takesGzip = /\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/i.test(header(headers, "accept-encoding") ?? "")
  const options = (encoding: Headers) => ({
    contentType,
    headers: { ...headersOf(more), ...encoding, vary: "accept-encoding" }
  })
  return takesGzip
    ? Effect.succeed(HttpServerResponse.uint8Array(bytes, options({ "content-encoding": "gzip" })))
    : Effect.map(gunzip(bytes), (bytes) => HttpServerResponse.uint8Array(bytes, options({})))
}

const entities: Headers = { "&": "&amp;", "<": "&lt;", ">": "&gt;", "\"": "&quot;", "'": "&#39;" }

const escape = (text: string) => text.replace(/[&<>"']/g, (char) => entities[char]!)

const page = (title: string): Response => {
  const { css, icon, js } = assets
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(title)}</title>
<link rel="icon" href="?icon=${icon.etag}">
<link rel="stylesheet" href="?css=${css.etag}">
<script defer src="?js=${js.etag}"></script>
</head>
<body><noscript>The dashboard needs JavaScript.</noscript></body>
</html>
`
  return HttpServerResponse.text(html, { contentType: "text/html; charset=utf-8", headers: headersOf() })
}

const asset = (request: Request, name: keyof typeof assets, version: string): Effect.Effect<Response> => {
  const { etag, gzip, type } = assets[name]
  const headers = {
    // Another version's address may belong to another process behind the same name: don't cache this one under it.
    "cache-control": version === etag ? "private, max-age=31536000, immutable" : "no-cache",
    etag: `"${etag}"`
  }
  const isKnown = header(request.headers, "if-none-match")?.includes(headers.etag) === true
  return isKnown
    ? Effect.succeed(HttpServerResponse.empty({ status: 304, headers: headersOf(headers) }))
    : compressed(request, fromBase64(gzip)!, type, headers)
}

/** Whether the server that got the request still listens. One that closes waits for responses which are open. */
const listeningOf = ({ source }: Request): () => boolean => {
  const server = (source as { readonly socket?: { readonly server?: { readonly listening?: boolean } } }).socket?.server
  return () => server?.listening !== false
}

const Command = Schema.fromJsonString(Schema.Struct({
  pool: Schema.String,
  command: Schema.Literals(["resize", "pause", "resume"]),
  size: Schema.optionalKey(Schema.Unknown)
}))

const decodeCommand = Schema.decodeUnknownEffect(Command)

export interface Answers {
  readonly get: (request: Request) => Effect.Effect<Response>
  readonly post: (request: Request) => Effect.Effect<Response>
}

export const answers = (board: Board, settings: Settings): Answers => {
  const { authorize, challenge, hosts, maxViewers, title } = settings
  const html = page(title)

  /** Asks for credentials where a person can type them: a page that fetches in the background opens no dialogue. */
  const deny = ({ headers }: Request): Response => {
    const isPage = /\b(application\/json|text\/event-stream)\b/.test(header(headers, "accept") ?? "")
    return challenge === undefined
      ? text(
        403,
        "Access to the dashboard is refused. By default, only programs on the server's own machine may look, and none " +
          "may steer: see the option `access` of Dashboard.layer."
      )
      : text(
        isPage ? 403 : 401,
        "Access to the dashboard needs a password.",
        isPage ? {} : {
          "www-authenticate": challenge
        }
      )
  }

  const guarded = (
    request: Request,
    part: "page" | "other",
    answer: (access: Exclude<Access, "none">) => Effect.Effect<Response>
  ): Effect.Effect<Response> => {
    const reason = refusal(request, hosts, part)
    return reason === undefined
      ? Effect.flatMap(
        authorize(request),
        (access) => access === "none" ? Effect.succeed(deny(request)) : answer(access)
      )
      : Effect.succeed(text(reason.status, reason.reason))
  }

  const feed = (request: Request, access: Exclude<Access, "none">): Response => {
    if (board.isFull) {
      return text(503, `Too many pages are open: at most ${maxViewers}.`, { "retry-after": "5" })
    }
    const hello: Wire.Hello = {
      process: board.process,
      page: assets.js.etag,
      access,
      unlock: access === "view" && challenge !== undefined,
      title
    }
    const events: Stream.Stream<Uint8Array> = board.feed(hello, listeningOf(request))
    // The connection isn't used again, so that a server which closes doesn't wait for it; proxies shall not buffer.
    const headers = headersOf({ ...noStore, connection: "close", "x-accel-buffering": "no" })
    return HttpServerResponse.stream(events, { contentType: "text/event-stream", headers })
  }

  const unlock = (request: Request, access: Exclude<Access, "none">): Response =>
    access === "steer"
      ? HttpServerResponse.empty({ status: 303, headers: headersOf({ ...noStore, location: "?" }) })
      : deny(request)

  const get = (request: Request): Effect.Effect<Response> => {
    const query = new URLSearchParams(request.url.split("?")[1])
    const [part = "", version = ""] = query.entries().next().value ?? []
    switch (part) {
      case "feed":
        return guarded(request, "other", (access) => Effect.succeed(feed(request, access)))
      case "history":
        return guarded(
          request,
          "other",
          () => Effect.flatMap(board.history, (bytes) => compressed(request, bytes, "application/json", noStore))
        )
      case "unlock":
        return guarded(request, "other", (access) => Effect.succeed(unlock(request, access)))
      case "js":
      case "css":
      case "icon":
        return guarded(request, "other", () => asset(request, part, version))
      default:
        return guarded(request, "page", () => Effect.succeed(html))
    }
  }

  const post = (request: Request): Effect.Effect<Response> =>
    guarded(request, "other", (access) => {
      const reason = commandRefusal(request)
      if (reason !== undefined) return Effect.succeed(refused(reason.status, reason.reason))
      if (access !== "steer") return Effect.succeed(refused(403, "You may look at the pools, but not steer them."))
      return Effect.matchEffect(Effect.flatMap(request.text, (body) => decodeCommand(body)), {
        onFailure: () => Effect.succeed(refused(400, "This is no command.")),
        onSuccess: (command) => steer(request, command)
      })
    })

  const steer = (request: Request, command: Wire.Command): Effect.Effect<Response> =>
    Effect.flatMap(board.steer(command), (result) => {
      if (result._tag === "Failure") return Effect.succeed(refused(result.failure.status, result.failure.error))
      const { from, size } = result.success
      return Effect.logInfo("A pool was resized from the dashboard").pipe(
        Effect.annotateLogs({
          pool: command.pool,
          from,
          to: size,
          by: Option.getOrElse(request.remoteAddress, () => "unknown")
        }),
        Effect.as(json(200, { size }))
      )
    })

  return { get, post }
}
