import { Result, Schema } from "effect"
import type { Ledger } from "./crawl.ts"
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
  truncated: Schema.Boolean.annotate({ description: "The page was too long to be read to its end" })
})

/** A link that works by redirects; the last one is its end. */
const Redirected = Schema.Struct({ ...Working.fields, ...Link.fields, redirects: Urls })

/** A link that leads nowhere. */
const Broken = Schema.Struct({
  ...Link.fields,
  reason: Reason,
  detail: Schema.String,
  status: Schema.NullOr(Schema.Int),
  ...measures,
  redirects: Urls
})

/**
 * What a crawl has found. Each link is in exactly one of the lists, all of them sorted by URL; only what was measured
 * (`millis`) and the words of `detail` differ from run to run.
 */
export class Report extends Schema.Class<Report>("Report")({
  start: Schema.String,
  complete: Schema.Boolean.annotate({ description: "false when the crawl was stopped before its end" }),
  pagesRead: Count,
  pagesUnread: Count.annotate({ description: "Pages whose links were not followed because of --max-pages" }),
  millis: Count,
  broken: Schema.Array(Broken),
  redirected: Schema.Array(Redirected),
  ok: Schema.Array(Working),
  disallowed: Schema.Array(Link).annotate({ description: "Links that robots.txt does not allow to follow" }),
  unchecked: Schema.Array(Link).annotate({ description: "Links that were found, and not checked before the stop" })
}) {}

export const makeReport = (
  start: URL,
  ledger: Ledger,
  run: { readonly complete: boolean; readonly millis: number }
): Report => {
  const broken: Array<typeof Broken.Type> = []
  const redirected: Array<typeof Redirected.Type> = []
  const ok: Array<typeof Working.Type> = []
  const disallowed: Array<typeof Link.Type> = []
  const unchecked = new Set(ledger.found.keys())
  const link = (url: string) => ({ url, pages: [...(ledger.found.get(url) ?? [])].sort() })

  for (const { millis, outcome, redirects, url } of ledger.checked) {
    unchecked.delete(url)
    if (Result.isSuccess(outcome)) {
      const { bytes = null, status, truncated } = outcome.success
      const working = { url, status, millis, bytes, truncated }
      if (redirects.length === 0) ok.push(working)
      else redirected.push({ ...working, ...link(url), redirects })
    } else if (outcome.failure._tag === "Disallowed") {
      disallowed.push(link(url))
    } else {
      const { bytes = null, detail, reason, status = null } = outcome.failure
      broken.push({ ...link(url), reason, detail, status, millis, bytes, redirects })
    }
  }
  return new Report({
    start: start.href,
    complete: run.complete,
    pagesRead: ledger.pagesRead,
    pagesUnread: ledger.pagesUnread,
    millis: run.millis,
    broken: byUrl(broken),
    redirected: byUrl(redirected),
    ok: byUrl(ok),
    disallowed: byUrl(disallowed),
    unchecked: byUrl([...unchecked].map(link))
  })
}

const byUrl = <A extends { readonly url: string }>(links: Array<A>): ReadonlyArray<A> =>
  links.sort((a, b) => a.url < b.url ? -1 : a.url > b.url ? 1 : 0)

/** The report as JSON, by its schema. */
export const toJson = (report: Report): string => JSON.stringify(Schema.encodeSync(Report)(report), null, 2)

/** So many of the pages that hold a link are printed; the JSON has all. */
const PAGES_SHOWN = 10

/** The report for people. */
export const toText = (report: Report): string => {
  const { broken, disallowed, ok, redirected, unchecked } = report
  const truncated = [...ok, ...redirected].filter((link) => link.truncated)
  return [
    ...section("Broken", broken, (link) => [
      ...chain(link),
      `  ${link.status ?? link.reason}: ${link.detail}${measured(link)}`,
      ...pages(link)
    ]),
    ...section(
      "Redirected",
      redirected,
      (link) => [...chain(link), `  ${link.status}${measured(link)}`, ...pages(link)]
    ),
    ...section("Not followed, by robots.txt", disallowed, pages),
    ...section("Too long, not read to the end", truncated, (link) => [`  ${link.status}${measured(link)}`]),
    ...section("Found and not checked", unchecked, pages),
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
  { broken, complete, disallowed, millis, ok, pagesRead, pagesUnread, redirected, unchecked }: Report
) => {
  const bytes = [...ok, ...redirected, ...broken].reduce((sum, link) => sum + (link.bytes ?? 0), 0)
  const parts = [
    `${ok.length} ok`,
    `${broken.length} broken`,
    `${redirected.length} redirected`,
    `${disallowed.length} not allowed`,
    ...(unchecked.length > 0 ? [`${unchecked.length} not checked`] : [])
  ]
  const links = ok.length + broken.length + redirected.length + disallowed.length + unchecked.length
  return `${complete ? "" : "Stopped before the end. "}${links} links on ${pagesRead} pages: ${parts.join(", ")}`
    + `; ${size(bytes)}, ${(millis / 1000).toFixed(1)} s`
    + (pagesUnread > 0 ? `\n${pagesUnread} more pages were checked, but not read (--max-pages)` : "")
}
