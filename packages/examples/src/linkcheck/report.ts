import { Result, Schema } from "effect"
import type { Ledger } from "./crawl.ts"
import { seconds } from "./host.ts"
import { hasPlace, placeOf, withoutCredentials, withoutFragment } from "./links.ts"
import { Reason } from "./request.ts"

const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
const Bytes = Schema.NullOr(Count).annotate({ description: "Size of the body; null when unknown" })
const Urls = Schema.Array(Schema.String)

/** A link, and the pages that hold it. */
const Link = Schema.Struct({ url: Schema.String, pages: Urls })

const measures = { millis: Count, bytes: Bytes }

/** A link that works as it is. */
const Working = Schema.Struct({
  url: Schema.String,
  status: Schema.Int,
  ...measures,
  cut: Schema.NullOr(Schema.String).annotate({ description: "Why the page was not read to its end; null if it was" })
})

/** A link that works by redirects; the last one is its end. */
const Redirected = Schema.Struct({ ...Working.fields, ...Link.fields, redirects: Urls })

/** A link that isn't followed, and why. */
const Disallowed = Schema.Struct({ ...Link.fields, detail: Schema.String })

/** A link that leads nowhere. */
const Broken = Schema.Struct({
  ...Link.fields,
  reason: Reason,
  detail: Schema.String,
  status: Schema.NullOr(Schema.Int),
  ...measures,
  redirects: Urls
})

/** What a host has made the crawl wait for, in milliseconds; 0 for what it hasn't. */
const Wait = Schema.Struct({
  origin: Schema.String,
  crawlDelay: Schema.Finite.annotate({ description: "The time between two requests that its robots.txt asks for" }),
  retryAfter: Schema.Finite.annotate({ description: "How long it was left alone because of Retry-After" })
})

/** How the crawl was made, by the options of the command line; times in milliseconds. */
export const Options = Schema.Struct({
  size: Schema.Int,
  adaptive: Schema.Boolean,
  maxPages: Schema.NullOr(Schema.Int),
  timeout: Schema.Finite,
  retries: Schema.Int,
  maxWait: Schema.Finite,
  skip: Schema.Array(Schema.String),
  headers: Schema.Array(Schema.String).annotate({ description: "Names only: values may be secret" }),
  userAgent: Schema.String,
  insecure: Schema.Boolean,
  fragments: Schema.Boolean
})
export type Options = typeof Options.Type

/**
 * What a crawl has found. Each link is in exactly one of the lists from `broken` to `unchecked`, all of them sorted by
 * URL; only what was measured (`millis`, `waits`) and the words of `detail` and `cut` differ from run to run.
 */
export class Report extends Schema.Class<Report>("Report")({
  start: Schema.String,
  options: Options,
  complete: Schema.Boolean.annotate({ description: "false when the crawl was stopped before its end" }),
  pagesRead: Count.annotate({ description: "Pages and style sheets" }),
  pagesUnread: Count.annotate({ description: "Pages whose links were not followed because of --max-pages" }),
  millis: Count,
  broken: Schema.Array(Broken),
  redirected: Schema.Array(Redirected),
  ok: Schema.Array(Working),
  disallowed: Schema.Array(Disallowed).annotate({ description: "Links that their host does not allow to follow" }),
  skipped: Schema.Array(Link).annotate({ description: "Links that match --skip" }),
  unchecked: Schema.Array(Link).annotate({ description: "Links that were found, and not checked before the stop" }),
  fragments: Schema.Array(Link).annotate({ description: "Links to a place (#id) that their page does not have" }),
  waits: Schema.Array(Wait)
}) {}

export const makeReport = (
  start: URL,
  ledger: Ledger,
  run: Pick<Report, "complete" | "millis" | "options">
): Report => {
  const lists = {
    broken: Array<typeof Broken.Type>(),
    redirected: Array<typeof Redirected.Type>(),
    ok: Array<typeof Working.Type>(),
    disallowed: Array<typeof Disallowed.Type>(),
    skipped: Array<typeof Link.Type>()
  }
  const unchecked = new Set(ledger.found.keys())
  const link = (url: string) => ({ url, pages: [...(ledger.found.get(url) ?? [])].sort() })

  for (const { millis, outcome, redirects, url } of ledger.checked) {
    unchecked.delete(url)
    if (Result.isSuccess(outcome)) {
      const { bytes = null, cut = null, status } = outcome.success
      const working = { url, status, millis, bytes, cut }
      if (redirects.length === 0) lists.ok.push(working)
      else lists.redirected.push({ ...working, ...link(url), redirects })
    } else if (outcome.failure._tag === "Disallowed") {
      lists.disallowed.push({ ...link(url), detail: outcome.failure.detail })
    } else if (outcome.failure._tag === "Skipped") {
      lists.skipped.push(link(url))
    } else {
      const { bytes = null, detail, reason, status = null } = outcome.failure
      lists.broken.push({ ...link(url), reason, detail, status, millis, bytes, redirects })
    }
  }
  for (const list of Object.values(lists)) list.sort(byUrl)
  return new Report({
    ...run,
    ...lists,
    start: withoutCredentials(start).href,
    pagesRead: ledger.pagesRead,
    pagesUnread: ledger.pagesUnread,
    unchecked: [...unchecked].map(link).sort(byUrl),
    fragments: missingPlaces(ledger).sort(byUrl),
    waits: [...ledger.waits.origins].sort(([a], [b]) => a < b ? -1 : 1)
      .map(([origin, waits]) => ({ origin, ...waits }))
  })
}

/** The links to a place that isn't in their page, or in the one where redirects end. */
const missingPlaces = ({ checked, fragments, places }: Ledger): Array<typeof Link.Type> => {
  const ends = new Map(checked.map((link) => [link.url, link]))
  return [...fragments].flatMap(([url, pages]) => {
    const page = withoutFragment(new URL(url))
    const { place = placeOf(new URL(url)), redirects = [] } = ends.get(page) ?? {}
    const known = places.get(redirects.at(-1) ?? page)
    return place === undefined || known === undefined || hasPlace(known, place)
      ? []
      : [{ url, pages: [...pages].sort() }]
  })
}

const byUrl = (a: { readonly url: string }, b: { readonly url: string }): number =>
  a.url < b.url ? -1 : a.url > b.url ? 1 : 0

/** The report as JSON, by its schema. */
export const toJson = (report: Report): string => JSON.stringify(Schema.encodeSync(Report)(report), null, 2)

/** So many of the pages that hold a link are printed; the JSON has all. */
const PAGES_SHOWN = 10

/** The report for people. */
export const toText = (report: Report): string => {
  const { broken, disallowed, fragments, ok, redirected, skipped, unchecked, waits } = report
  const cut = [...ok, ...redirected].filter((link) => link.cut !== null)
  return [
    ...section("Broken", broken, (link) => [
      ...chain(link),
      `  ${link.status ?? link.reason}: ${link.detail}${measured(link)}`,
      ...pages(link)
    ]),
    ...section("No such place in the page", fragments, pages),
    ...section(
      "Redirected",
      redirected,
      (link) => [...chain(link), `  ${link.status}${measured(link)}`, ...pages(link)]
    ),
    ...section("Not followed", disallowed, (link) => [`  ${link.detail}`, ...pages(link)]),
    ...section("Skipped", skipped, pages),
    ...section("Not read to the end", cut, (link) => [`  ${link.status}: ${link.cut}${measured(link)}`]),
    ...section("Found and not checked", unchecked, pages),
    ...section("Waited for", waits.map((wait) => ({ ...wait, url: wait.origin })), ({ crawlDelay, retryAfter }) => [
      ...(crawlDelay > 0 ? [`  Crawl-delay: ${seconds(crawlDelay)} between requests`] : []),
      ...(retryAfter > 0 ? [`  Retry-After: ${seconds(Math.round(retryAfter / 100) * 100)}`] : [])
    ]),
    summary(report)
  ].join("\n")
}

const section = <A extends { readonly url: string }>(
  title: string,
  links: ReadonlyArray<A>,
  lines: (link: A) => ReadonlyArray<string>
): ReadonlyArray<string> =>
  links.length === 0
    ? []
    : [`${title} (${links.length})`, ...links.flatMap((link) => [link.url, ...lines(link)].map(printable)), ""]

/** A line of the text. What comes from a page or a server must not control the terminal. */
const printable = (line: string): string => `  ${line.replaceAll(/\p{Cc}/gu, "\ufffd")}`

const chain = ({ redirects }: Pick<typeof Redirected.Type, "redirects">) => {
  const lines = redirects.map((url) => `  -> ${url}`)
  return lines.length <= 5 ? lines : [...lines.slice(0, 3), `  ... ${lines.length - 4} more`, ...lines.slice(-1)]
}

const pages = ({ pages }: typeof Link.Type) => [
  ...pages.slice(0, PAGES_SHOWN).map((page) => `  on ${page}`),
  ...(pages.length > PAGES_SHOWN ? [`  and on ${pages.length - PAGES_SHOWN} more pages`] : [])
]

const measured = ({ bytes, millis }: { readonly bytes: number | null; readonly millis: number }) =>
  `, ${millis} ms${bytes === null ? "" : `, ${size(bytes)}`}`

const size = (bytes: number): string =>
  bytes < 1000 ? `${bytes} B` : bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`

const summary = (
  { broken, complete, disallowed, fragments, millis, ok, pagesRead, pagesUnread, redirected, skipped, unchecked }:
    Report
) => {
  const bytes = [...ok, ...redirected, ...broken].reduce((sum, link) => sum + (link.bytes ?? 0), 0)
  const lists = { ok, broken, redirected, "not followed": disallowed, skipped, "not checked": unchecked }
  const counts = Object.entries(lists).map(([name, links]) => ({ name, count: links.length }))
  const parts = counts.filter(({ count, name }) => count > 0 || name === "ok" || name === "broken")
  const links = counts.reduce((sum, { count }) => sum + count, 0)
  return `${complete ? "" : "Stopped before the end. "}${links} links on ${pagesRead} pages: ` +
    `${parts.map(({ count, name }) => `${count} ${name}`).join(", ")}; ${size(bytes)}, ${
      (millis / 1000).toFixed(1)
    } s` +
    (fragments.length > 0 ? `\n${fragments.length} links to a place that their page does not have` : "") +
    (pagesUnread > 0 ? `\n${pagesUnread} more pages were checked, but not read (--max-pages)` : "")
}
