/**
 * Access to the dashboard: what a request may do.
 *
 * @since 0.1.0
 */
import { Effect, Option, Redacted } from "effect"
import { Headers, type HttpServerRequest } from "effect/http"
import { fromBase64 } from "./internal/bytes.ts"
import { isForwarded, isLoopback, isOriginOfHost } from "./internal/request.ts"

/**
 * What a request may do: nothing, look at the pools, or steer them as well.
 *
 * @category models
 * @since 0.1.0
 */
export type Access = "none" | "view" | "steer"

/**
 * Decides what a request may do. It is asked for every request; for a stream of figures, when the stream opens.
 *
 * @category models
 * @since 0.1.0
 */
export interface Authorize<out R = never> {
  (request: HttpServerRequest.HttpServerRequest): Effect.Effect<Access, never, R>
  /** The value of `WWW-Authenticate`, with which browsers are asked for credentials. Without it, they are not asked. */
  readonly challenge?: string
}

/** @internal */
export const local =
  (access: Exclude<Access, "none"> = "view"): Authorize => ({ headers, peerAddress, remoteAddress }) =>
    Effect.succeed(
      isLoopback(remoteAddress) && isLoopback(peerAddress) && !isForwarded(headers) && isOriginOfHost(headers)
        ? access
        : "none"
    )

/** @internal */
export interface Passwords {
  /** Lets its users look. Without it, everyone may look. */
  readonly view?: Redacted.Redacted
  /** Lets its users look and steer. */
  readonly steer: Redacted.Redacted
}

/** @internal */
export const password = ({ steer, view }: Passwords): Authorize => {
  const isSteer = comparedWith(steer)
  const isView = view === undefined ? () => false : comparedWith(view)
  const others = view === undefined ? "view" as const : "none" as const
  return Object.assign(({ headers }: HttpServerRequest.HttpServerRequest) => {
    const given = passwordIn(headers)
    if (given === undefined) return Effect.succeed(others)
    // Both are compared, so that the time doesn't tell which one was nearly right.
    const [steers, views] = [isSteer(given), isView(given)]
    return steers || views
      ? Effect.succeed(steers ? "steer" as const : "view" as const)
      : Effect.delay(Effect.succeed(others), "500 millis")
  }, { challenge: `Basic realm="GreenPool", charset="UTF-8"` })
}

const bytesOf = (text: string) => new TextEncoder().encode(text)

/** The password of HTTP Basic, if the request carries one. */
const passwordIn = (headers: Headers.Headers): Uint8Array | undefined => {
  const [, credentials = ""] = /^basic +([a-z0-9+/]+=*) *$/i.exec(
    Option.getOrElse(Headers.get(headers, "authorization"), () => "")
  ) ?? []
  const decoded = fromBase64(credentials)
  const colon = decoded?.indexOf(0x3a) ?? -1
  return colon < 0 ? undefined : decoded?.subarray(colon + 1)
}

/** Compares in a time that depends on the length of what is given, never on how much of it is right. */
const comparedWith = (secret: Redacted.Redacted): (given: Uint8Array) => boolean => {
  const expected = bytesOf(Redacted.value(secret))
  if (expected.length === 0) throw new TypeError("An empty password lets everyone steer: set a password")
  return (given) => {
    let difference = given.length ^ expected.length
    for (let i = 0; i < given.length; i++) difference |= given[i]! ^ expected[i % expected.length]!
    return difference === 0
  }
}
