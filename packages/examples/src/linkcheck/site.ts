import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect } from "effect"
import { HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { createServer } from "node:http"
import { gzipSync } from "node:zlib"
import type { Report } from "./report.ts"

/**
 * The embedded site: two real servers on the loopback interface, and what a checker must find there.
 * Its content is the same in every run, its latencies too.
 */
export interface Site {
  readonly url: URL
  /** What is to be found at each link; for all but plain pages with the pages that hold it. */
  readonly known: ReadonlyMap<string, string>
  readonly pages: number
  /** How often each path was requested, of the site and of the server elsewhere. */
  readonly hits: { readonly site: ReadonlyMap<string, number>; readonly elsewhere: ReadonlyMap<string, number> }
}

const SECTIONS = 12
const ARTICLES = 20
const KIB = 1024

/** The huge page is longer than this; a checker that reads no further does not see its last link. */
export const PAGE_LIMIT = 1024 * KIB

type Answer = (
  request: { readonly method: string; readonly hit: number }
) => Effect.Effect<HttpServerResponse.HttpServerResponse>

const range = (length: number) => Array.from({ length }, (_, index) => index + 1)
const section = (s: number) => `/section/${s}/`
const article = (s: number, a: number) => `/section/${s}/article-${a}.html`
const photo = (s: number, scale: number) => `/images/photo-${s}@${scale}x.png`

/** A link that is no plain one: how it is written, which pages hold it, and what is to be found there. */
interface Oddity {
  readonly link: string
  readonly on: ReadonlyArray<string>
  readonly is: string
}

const oddities = (elsewhere: string, site: string): ReadonlyArray<Oddity> => [
  { link: "/missing", on: [section(1), section(2), article(3, 3), article(12, 20)], is: "broken: Status 404" },
  { link: "/gone#part", on: [article(2, 5)], is: "broken: Status 410" },
  { link: "/error", on: [section(4)], is: "broken: Status 500" },
  { link: "/never", on: ["/", article(5, 1)], is: "broken: Timeout" },
  { link: "http://[::1/", on: [article(5, 2)], is: "broken: InvalidUrl" },
  { link: "/old", on: [section(6)], is: `redirected: ${site}/newer ${site}/about` },
  { link: "/newer", on: [article(6, 1)], is: `redirected: ${site}/about` },
  { link: "/loop", on: [article(6, 2)], is: "broken: RedirectLoop 302" },
  { link: "/spiral?turn=0", on: [section(7)], is: "broken: TooManyRedirects 302" },
  { link: "/nowhere", on: [section(7)], is: "broken: InvalidRedirect 302" },
  { link: "/old-dead", on: [article(7, 7)], is: "broken: Status 404" },
  { link: "/away", on: [section(8)], is: `redirected: ${elsewhere}/landing` },
  { link: "/private/diary", on: ["/", section(8)], is: "disallowed" },
  { link: "/huge", on: [section(9)], is: "too long" },
  { link: `${elsewhere}/landing`, on: range(SECTIONS).map(section), is: "ok" },
  { link: `${elsewhere}/no-head`, on: [section(10)], is: "ok" },
  { link: `${elsewhere}/limping-head`, on: [section(10)], is: "ok" },
  { link: `${elsewhere}/moved`, on: [section(10), article(10, 1)], is: `redirected: ${elsewhere}/landing` },
  { link: `${elsewhere}/dead`, on: [section(11), article(11, 11)], is: "broken: Status 404" },
  { link: `${elsewhere}/private/diary`, on: [section(11)], is: "disallowed" },
  { link: "http://127.0.0.1:1/", on: [section(12)], is: "broken: Unreachable" }
]

/** Pages in other encodings and unusual markup, and the links that they hold. */
const curiosities: ReadonlyArray<
  { path: string; type: string; body: Uint8Array; gzip?: boolean; links: ReadonlyArray<string> }
> = [
  {
    path: "/odd/latin-1",
    type: "text/html; charset=ISO-8859-1",
    body: Buffer.from("<meta charset=utf-8><a href='/caf\u00e9'>", "latin1"),
    links: ["/caf%C3%A9"]
  },
  {
    path: "/odd/windows-1252",
    type: "text/html",
    body: Buffer.from("<meta charset=windows-1252><a href='/\u0080'>", "latin1"),
    links: ["/%E2%82%AC"]
  },
  {
    path: "/odd/shift-jis",
    type: "text/html",
    body: Buffer.from(
      "<meta http-equiv=Content-Type content='text/html; charset=Shift_JIS'><a href='/\x93\xfa\x96\x7b'>",
      "latin1"
    ),
    links: ["/%E6%97%A5%E6%9C%AC"]
  },
  {
    path: "/odd/utf-16",
    type: "text/html",
    body: Buffer.from("\ufeff<title>sixteen</title><a href='/gr\u00fc\u00dfe'>", "utf16le"),
    links: ["/gr%C3%BC%C3%9Fe"]
  },
  {
    path: "/odd/gzip",
    type: "text/html",
    body: gzipSync("<a href='/zipped'>"),
    gzip: true,
    links: ["/zipped"]
  },
  {
    path: "/odd/xhtml",
    type: "application/xhtml+xml",
    body: Buffer.from(
      "<html xmlns='http://www.w3.org/1999/xhtml'><head><title/></head><body><a href='/strict'/></body></html>"
    ),
    links: ["/strict"]
  },
  {
    path: "/odd/markup",
    type: "text/html",
    body: Buffer.from(
      `<BASE HREF="/odd/deep/"><A HREF=unquoted>x<a href="../up?a=1&amp;b=2#c">x<a href=" /spaced out ">x
      <!-- <a href="/in-comment"> --><script>document.write('<a href="/in-script">')</script>
      <img srcset="/small.png 1x, /large,wide.png 2x"><meta http-equiv="refresh" content="600; url=/refreshed">
      <a href="mailto:nobody@example.com">x<a href="tel:+100">x<a href="data:,x">x<a href="javascript:void 0">x<a href="#top">x
      <link rel="preconnect" href="http://preconnected.invalid"><a name="no-link">x<a href="/unclosed`
    ),
    links: [
      "/odd/deep/",
      "/odd/deep/unquoted",
      "/odd/up?a=1&b=2",
      "/spaced%20out",
      "/small.png",
      "/large,wide.png",
      "/refreshed"
    ]
  }
]

const html = (title: string, links: ReadonlyArray<string>, more = "") =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title>
<link rel="stylesheet" href="/style.css"></head><body><h1><img src="/logo.svg" alt=""> ${title}</h1><ul>
${links.map((link) => `<li><a href="${link}">${link}</a></li>`).join("\n")}</ul>${more}</body></html>`

const send = (
  body: string | Uint8Array,
  type = "text/html; charset=utf-8",
  options?: { readonly status?: number; readonly headers?: Record<string, string> }
): Answer => {
  const bytes = typeof body === "string" ? Buffer.from(body) : body
  return () => Effect.succeed(HttpServerResponse.uint8Array(bytes, { contentType: type, ...options }))
}

const redirect = (location: string, status = 302): Answer => () =>
  Effect.succeed(HttpServerResponse.redirect(location, { status }))

const fail = (status: number): Answer => send(`<h1>${status}</h1>`, "text/html", { status })

/** The pages of the site. Only these are to be read for links. */
const sitePages = (held: ReadonlyArray<Oddity>, busy: number): ReadonlyMap<string, Answer> => {
  const heldBy = (path: string) => held.filter(({ on }) => on.includes(path)).map(({ link }) => link)
  const pages = new Map<string, Answer>()
  const add = (path: string, links: ReadonlyArray<string>, more?: string) =>
    pages.set(path, send(html(path, [...links, ...heldBy(path)], more)))

  add("/", [
    "/about",
    "/busy",
    "/files/archive",
    ...range(SECTIONS).map(section),
    ...curiosities.map(({ path }) => path)
  ])
  add("/about", ["/", "mailto:nobody@example.com"])
  for (const s of range(SECTIONS)) {
    const picture = `<img src="${photo(s, 1)}" srcset="${photo(s, 1)} 1x, ${photo(s, 2)} 2x" alt="">`
    add(section(s), ["/", ...range(ARTICLES).map((a) => `article-${a}.html`)], picture)
    for (const a of range(ARTICLES)) {
      add(article(s, a), [
        "./",
        `article-${a % ARTICLES + 1}.html`,
        `../${s % SECTIONS + 1}/article-${a}.html#top`,
        "/about"
      ])
    }
  }
  for (const { body, gzip, links, path, type } of curiosities) {
    pages.set(path, send(body, type, gzip ? { headers: { "content-encoding": "gzip" } } : {}))
    for (const link of links) if (!link.endsWith(".png")) add(link, ["/"])
  }
  const filler = `<p>${"long ".repeat(200)}</p>`.repeat(2 * PAGE_LIMIT / KIB)
  pages.set("/huge", send(html("huge", ["/huge-near"], filler + `<a href="/huge-far">`)))
  add("/huge-near", ["/"])
  const calm = send(html("busy", ["/"]))
  pages.set("/busy", (request) => request.hit <= busy ? fail(503)(request) : calm(request))
  return pages
}

const siteOthers = (elsewhere: string): ReadonlyMap<string, Answer> => {
  const png = send(new Uint8Array(4 * KIB), "image/png")
  return new Map<string, Answer>([
    [
      "/robots.txt",
      send("User-agent: *\nDisallow: /\n\nUser-agent: greenpool-linkcheck\nDisallow: /private/\n", "text/plain")
    ],
    ["/style.css", send("body { font: 1em sans-serif }", "text/css")],
    ["/logo.svg", send("<svg xmlns='http://www.w3.org/2000/svg'><a href='/in-picture'/></svg>", "image/svg+xml")],
    ["/small.png", png],
    ["/large,wide.png", png],
    ...range(SECTIONS).flatMap((s) => [[photo(s, 1), png], [photo(s, 2), png]] as const),
    ["/files/archive", send(new Uint8Array(3072 * KIB), "application/octet-stream")],
    ["/gone", fail(410)],
    ["/error", fail(500)],
    ["/never", () => Effect.never],
    ["/old", redirect("/newer", 301)],
    ["/newer", redirect("about", 308)],
    ["/old-dead", redirect("/missing", 301)],
    ["/loop", redirect("/loop/on")],
    ["/loop/on", redirect("/loop/back")],
    ["/loop/back", redirect("/loop")],
    ...range(100).map((turn) => [`/spiral?turn=${turn - 1}`, redirect(`?turn=${turn}`)] as const),
    ["/nowhere", send("", "text/html", { status: 302 })],
    ["/away", redirect(`${elsewhere}/landing`)]
  ])
}

const elsewhereAll: ReadonlyMap<string, Answer> = new Map<string, Answer>([
  ["/robots.txt", send("User-agent: *\nDisallow: /private/", "text/plain")],
  ["/landing", send(html("landing", ["/not-for-you-to-follow"]))],
  ["/no-head", (request) => (request.method === "HEAD" ? fail(405) : send("here"))(request)],
  ["/limping-head", (request) => (request.method === "HEAD" ? fail(500) : send("here"))(request)],
  ["/moved", redirect("/landing", 308)]
])

/**
 * Starts both servers. `latency` scales how slow they are: 1 as in the demonstration, 0 not at all. `busy` is how often
 * the busy page answers 503 before it does better, and has to be less than the number of attempts.
 */
export const startSite = Effect.fn("startSite")(
  function*({ busy, latency }: { readonly latency: number; readonly busy: number }) {
    const elsewhere = yield* serve(latency, () => elsewhereAll)
    const all = yield* serve(
      latency,
      (origin) => new Map([...siteOthers(elsewhere.origin), ...sitePages(oddities(elsewhere.origin, origin), busy)])
    )
    const odd = oddities(elsewhere.origin, all.origin)
    const pages = sitePages(odd, busy)

    const plain = ["ok", "too long"]
    const absolute = (link: string) => URL.parse(link, all.origin)?.href.replace(/#.*/, "") ?? link
    const others = [...pages.keys(), "/style.css", "/logo.svg", "/small.png", "/large,wide.png", "/files/archive"]
    const photos = range(SECTIONS).flatMap((s) => [photo(s, 1), photo(s, 2)])
    const known = new Map([
      ...[...others, ...photos].map((path) => [absolute(path), "ok"] as const),
      ...odd.map(({ is, link, on }) => [absolute(link), plain.includes(is) ? is : held(is, on.map(absolute))] as const)
    ])
    const site: Site = {
      url: new URL(all.origin),
      known,
      pages: pages.size,
      hits: { site: all.hits, elsewhere: elsewhere.hits }
    }
    return site
  }
)

const held = (what: string, pages: ReadonlyArray<string>) => `${what}, on ${[...pages].sort().join(" ")}`

/** Where a report disagrees with what the site is known to hold, in words; nothing when it is right. */
export const disagreements = (site: Site, report: Report): ReadonlyArray<string> => {
  const found = new Map<string, string>()
  for (const { truncated, url } of report.ok) found.set(url, truncated ? "too long" : "ok")
  for (const { pages, redirects, url } of report.redirected) {
    found.set(url, held(`redirected: ${redirects.join(" ")}`, pages))
  }
  for (const { pages, reason, status, url } of report.broken) {
    found.set(url, held(status === null ? `broken: ${reason}` : `broken: ${reason} ${status}`, pages))
  }
  for (const { pages, url } of report.disallowed) found.set(url, held("disallowed", pages))
  for (const { pages, url } of report.unchecked) found.set(url, held("unchecked", pages))

  const urls = [...new Set([...site.known.keys(), ...found.keys()])].sort()
  const wrong = urls.filter((url) => site.known.get(url) !== found.get(url))
  return [
    ...wrong.map((url) =>
      `${url}\n  known as ${site.known.get(url) ?? "no link"}\n  reported as ${found.get(url) ?? "no link"}`
    ),
    ...(report.pagesRead === site.pages ? [] : [`${site.pages} pages to read, ${report.pagesRead} were read`])
  ]
}

const serve = Effect.fnUntraced(function*(latency: number, content: (origin: string) => ReadonlyMap<string, Answer>) {
  const server = yield* NodeHttpServer.make(createServer, {
    host: "127.0.0.1",
    port: 0,
    gracefulShutdownTimeout: 0
  })
  const origin = HttpServer.formatAddress(server.address)
  const answers = content(origin)
  const hits = new Map<string, number>()
  // A bare handler cannot be interrupted: the page that never answers would outlive its client and hold up the end.
  yield* server.serve(Effect.interruptible(Effect.gen(function*() {
    const { method, url } = yield* HttpServerRequest.HttpServerRequest
    const hit = (hits.get(url) ?? 0) + 1
    hits.set(url, hit)
    yield* Effect.sleep(latency * latencyOf(url))
    return yield* (answers.get(url) ?? fail(404))({ method, hit })
  })))
  return { origin, hits }
})

/** From 2 to 30 ms, and one URL in 16 slower, up to 150 ms. */
const latencyOf = (url: string): number => {
  const hash = [...url].reduce((hash, char) => (hash * 31 + char.charCodeAt(0)) % 65_521, 7)
  return hash % 16 === 0 ? 60 + hash % 91 : 2 + hash % 29
}
