/**
 * What is refused before anything else happens: requests that only a foreign page would send.
 */
import type { HttpServerRequest } from "effect/http"
import { header, hostName, isOriginOfPage, isUnspoofable } from "./request.ts"

/** Sent with every response. */
export const securityHeaders: Readonly<Record<string, string>> = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'"
  ].join("; "),
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY"
}

export interface Refusal {
  readonly status: 403 | 413 | 415 | 421
  readonly reason: string
}

/**
 * Why a request is refused. `page` is the document itself, the only thing that other sites may link to.
 *
 * - A name in `Host` that a stranger could point at this machine (DNS rebinding).
 * - A request that a page of another site makes (forgery, reading across sites).
 */
export const refusal = (
  { headers }: HttpServerRequest.HttpServerRequest,
  hosts: ReadonlySet<string>,
  part: "page" | "other"
): Refusal | undefined => {
  const host = hostName(header(headers, "host"))
  if (host === undefined || !(isUnspoofable(host) || hosts.has(host))) {
    return {
      status: 421,
      reason: `The dashboard isn't served under the name ${host ?? "of this request"}. ` +
        "Add the name to the option `hosts` of Dashboard.layer."
    }
  }
  const site = header(headers, "sec-fetch-site")
  const isForeign = site === undefined ? !isOriginOfPage(headers) : site !== "same-origin" && site !== "none"
  const isLink = part === "page" && header(headers, "sec-fetch-mode") === "navigate" &&
    header(headers, "sec-fetch-dest") === "document"
  return isForeign && !isLink
    ? { status: 403, reason: "The dashboard answers its own page only, not requests of other sites." }
    : undefined
}

/** The most bytes that a command may have. */
const longest = 4096

/** Why a command is refused before it is read. */
export const commandRefusal = ({ headers }: HttpServerRequest.HttpServerRequest): Refusal | undefined => {
  if (!/^application\/json\s*(;|$)/i.test(header(headers, "content-type") ?? "")) {
    return { status: 415, reason: "A command is sent as application/json." }
  }
  const length = header(headers, "content-length")
  return length !== undefined && /^\d+$/.test(length) && Number(length) <= longest
    ? undefined
    : { status: 413, reason: `A command states its content-length, of at most ${longest} bytes.` }
}
