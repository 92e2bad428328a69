/**
 * What the headers and the address of a request say about where it comes from.
 */
import { Option } from "effect"
import { Headers } from "effect/http"

/** The address is one of this machine's own, and known. */
export const isLoopback = (address: Option.Option<string>): boolean =>
  Option.exists(address, (address) => /^(::1|(::ffff:)?127(\.\d{1,3}){3})$/i.test(address))

const forwarding = /^(forwarded|via|x-forwarded(-.+)?|x-real-ip|x-client-ip|true-client-ip|cf-connecting-ip)$/

/** A proxy says that it passes the request on for somebody else. */
export const isForwarded = (headers: Headers.Headers): boolean =>
  Object.keys(headers).some((name) => forwarding.test(name))

export const header = (headers: Headers.Headers, name: string): string | undefined =>
  Option.getOrUndefined(Headers.get(headers, name))

/** The host of an origin, with its port: undefined for `null` and what isn't an origin. */
const hostOf = (origin: string): string | undefined => {
  if (!URL.canParse(origin)) return undefined
  const { host, protocol } = new URL(origin)
  return /^https?:$/.test(protocol) ? host : undefined
}

/** `Host` as `hostOf` has that of an origin: without the port that the scheme implies. */
const isSameHost = (origin: string, host: string): boolean => {
  const scheme = origin.startsWith("https:") ? "https" : "http"
  const expected = hostOf(`${scheme}://${host}`)
  return expected !== undefined && hostOf(origin) === expected
}

const isOriginOf = (headers: Headers.Headers, names: ReadonlyArray<string>): boolean => {
  const origin = header(headers, "origin")
  return origin === undefined || names.some((name) => isSameHost(origin, header(headers, name) ?? ""))
}

/** Where there is an `Origin`, it is that of `Host`. */
export const isOriginOfHost = (headers: Headers.Headers): boolean => isOriginOf(headers, ["host"])

/** As `isOriginOfHost`, or of the `X-Forwarded-Host` of a proxy that rewrites `Host`: no page can set that elsewhere. */
export const isOriginOfPage = (headers: Headers.Headers): boolean => isOriginOf(headers, ["host", "x-forwarded-host"])

/** The name in `Host`, without its port; undefined where there is none. */
export const hostName = (host: string | undefined): string | undefined =>
  host === undefined ? undefined : /^(\[[0-9a-f:.]+\]|[^:[\]/@\s]+)(:\d*)?$/i.exec(host)?.[1]?.toLowerCase()

/** An IP address, `localhost` or a name below it: names that no stranger can point at this machine. */
export const isUnspoofable = (name: string): boolean =>
  name.startsWith("[") || name === "localhost" || name.endsWith(".localhost") || isIPv4(name)

const isIPv4 = (name: string) => {
  const parts = name.split(".")
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255)
}
