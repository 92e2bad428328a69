import { Effect } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { gzipSync } from "node:zlib"
import { serve as serveRoutes } from "../../src/gallery/serve.ts"
import type { Report } from "../../src/linkcheck/report.ts"

/**
 * The embedded site: real servers on the loopback interface, one for the site and others for what it links to, and what a
 * checker must find there. Its content is the same in every run, its latencies too.
 */
export interface Site {
  readonly url: URL
  /**
   * What is to be found at each link; for all but plain pages with the pages that hold it. Also at links to a place that
   * their page doesn't have, and how many pages are to be read.
   */
  readonly known: ReadonlyMap<string, string>
  /** How often each path was requested, of the site and of the server elsewhere. */
  readonly hits: { readonly site: ReadonlyMap<string, number>; readonly elsewhere: ReadonlyMap<string, number> }
}

const SECTIONS = 12
const ARTICLES = 20
const KIB = 1024

/** The huge page is longer than this; a checker that reads no further does not see its last link. */
export const PAGE_LIMIT = 1024 * KIB

interface Request {
  readonly method: string
  readonly headers: Readonly<Record<string, string | undefined>>
  /** How often this was requested, this time included. */
  readonly hit: number
}

type Answer = (request: Request) => Effect.Effect<HttpServerResponse.HttpServerResponse>

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

interface Others {
  readonly elsewhere: string
  readonly unhurried: string
  readonly hermit: string
}

const oddities = (site: string, { elsewhere, hermit, unhurried }: Others): ReadonlyArray<Oddity> => [
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
  { link: "/welcome", on: [article(7, 8)], is: `redirected: ${site}/welcome` },
  { link: "/away", on: [section(8)], is: `redirected: ${elsewhere}/landing` },
  { link: "/private/diary", on: ["/", section(8)], is: "disallowed" },
  { link: "/huge", on: [section(9)], is: "too long" },
  { link: `${elsewhere}/landing`, on: range(SECTIONS).map(section), is: "ok" },
  { link: `${elsewhere}/no-head`, on: [section(10)], is: "ok" },
  { link: `${elsewhere}/limping-head`, on: [section(10)], is: "ok" },
  { link: `${elsewhere}/moved`, on: [section(10), article(10, 1)], is: `redirected: ${elsewhere}/landing` },
  { link: `${elsewhere}/dead`, on: [section(11), article(11, 11)], is: "broken: Status 404" },
  { link: `${elsewhere}/private/diary`, on: [section(11)], is: "disallowed" },
  { link: `${elsewhere}/sheet.css`, on: [section(11)], is: "ok" },
  { link: elsewhere.replace("//", "//name:password@") + "/members", on: [section(11)], is: "ok" },
  ...range(4).map((n) => ({ link: `${unhurried}/${n}`, on: [section(n + 4)], is: "ok" })),
  { link: `${hermit}/today`, on: ["/"], is: "ok" },
  { link: `${hermit}/in-an-hour`, on: ["/"], is: "disallowed" },
  { link: "http://127.0.0.1:1/", on: [section(12)], is: "broken: Unreachable" }
]

/** A page in another encoding or with unusual markup, and the link that it holds. */
interface Curiosity {
  readonly type?: string
  readonly body: Uint8Array
  readonly encoding?: string
  readonly link?: string
}

const latin1 = Buffer.from("<meta charset=utf-8><a href='/caf\u00e9'>", "latin1")
const xhtml = `<html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><a href="/strict"/></html>`
const places = `<h2 id=here>x</h2><a name="café">x</a><a href="#here">x<a href="#caf%C3%A9">x<a href="#TOP">x
  <a href="#:~:text=some%20words">x<a href="#/for/a/script">x<a href="#nowhere">x<a href="/old#chapter">x`

const curiosities: Readonly<Record<string, Curiosity>> = {
  "/odd/latin-1": { type: "text/html; charset=ISO-8859-1", body: latin1, link: "/caf%C3%A9" },
  "/odd/gzip": { body: gzipSync("<a href='/zipped'>"), encoding: "gzip", link: "/zipped" },
  "/odd/xhtml": { type: "application/xhtml+xml", body: Buffer.from(xhtml), link: "/strict" },
  "/odd/places": { body: Buffer.from(places) }
}

/** Links on the page of places to some that aren't there, which the report has to name. */
const missingPlaces = ["/odd/places#nowhere", "/old#chapter"]

const html = (title: string, links: ReadonlyArray<string>, more = "") =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title>
<link rel="stylesheet" href="/style.css"></head><body><h1><img src="/logo.svg" alt=""> ${title}</h1><ul>
${links.map((link) => `<li><a href="${link}">${link}</a></li>`).join("\n")}</ul>${more}</body></html>`

const send = (
  body: string | Uint8Array,
  contentType = "text/html; charset=utf-8",
  options?: { readonly status?: number; readonly headers?: Record<string, string> }
): Answer => {
  const bytes = Buffer.from(body as string)
  return () => Effect.succeed(HttpServerResponse.uint8Array(bytes, { contentType, ...options }))
}

const redirect = (location: string, status = 302, headers: Record<string, string> = {}): Answer => () =>
  Effect.succeed(HttpServerResponse.redirect(location, { status, headers }))

const robots = (text: string) => ["/robots.txt", send(`User-agent: *\n${text}`, "text/plain")] as const

const here = send("here")

const fail = (status: number): Answer => send(`<h1>${status}</h1>`, "text/html", { status })

/** The pages of the site. Only these are to be read for links. */
const sitePages = (held: ReadonlyArray<Oddity>, busy: number): ReadonlyMap<string, Answer> => {
  const heldBy = (path: string) => held.filter(({ on }) => on.includes(path)).map(({ link }) => link)
  const pages = new Map<string, Answer>()
  const add = (path: string, links: ReadonlyArray<string>, more?: string) =>
    pages.set(path, send(html(path, [...links, ...heldBy(path)], more)))

  add("/", ["/about", "/busy", "/files/archive", ...range(SECTIONS).map(section), ...Object.keys(curiosities)])
  add("/about", ["/", "mailto:nobody@example.com"])
  for (const s of range(SECTIONS)) {
    const picture = `<img src="${photo(s, 1)}" srcset="${photo(s, 1)} 1x, ${photo(s, 2)} 2x" alt="">`
    add(section(s), ["/", ...range(ARTICLES).map((a) => `article-${a}.html`)], picture)
    for (const a of range(ARTICLES)) {
      const near = ["./", `article-${a % ARTICLES + 1}.html`, `../${s % SECTIONS + 1}/article-${a}.html#top`]
      add(article(s, a), [...near, "/about"])
    }
  }
  for (const [path, { body, encoding, link, type = "text/html" }] of Object.entries(curiosities)) {
    pages.set(path, send(body, type, encoding === undefined ? {} : { headers: { "content-encoding": encoding } }))
    if (link !== undefined) add(link, ["/"])
  }
  const filler = `<p>${"long ".repeat(200)}</p>`.repeat(2 * PAGE_LIMIT / KIB)
  pages.set("/huge", send(html("huge", ["/huge-near"], filler + `<a href="/huge-far">`)))
  add("/huge-near", ["/"])
  pages.set("/style.css", send("@import '/print.css'; body { background: url(\"/paper.png\") }", "text/css"))
  pages.set("/print.css", send("/* url(/in-comment) */ body { background: none }", "text/css"))
  const welcome = send(html("welcome", ["/"]))
  const bounce = redirect("/welcome", 302, { "set-cookie": "seen=1" })
  pages.set("/welcome", (request) => (request.headers["cookie"] === "seen=1" ? welcome : bounce)(request))
  const calm = send(html("busy", ["/"]))
  pages.set("/busy", (request) => request.hit <= busy ? fail(503)(request) : calm(request))
  return pages
}

const images = ["/logo.svg", "/paper.png"]
const photos = range(SECTIONS).flatMap((s) => [photo(s, 1), photo(s, 2)])
const siteRobots = "User-agent: *\nDisallow: /\n\nUser-agent: greenpool-linkcheck\nDisallow: /private/\n"

const siteOthers = (elsewhere: string): ReadonlyMap<string, Answer> =>
  new Map<string, Answer>([
    ["/robots.txt", send(siteRobots, "text/plain")],
    ...[...images, ...photos].map((path) => [path, send(new Uint8Array(4 * KIB), "image/png")] as const),
    ["/logo.svg", send("<svg xmlns='http://www.w3.org/2000/svg'><a href='/in-picture'/></svg>", "image/svg+xml")],
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

const isMember = ({ headers }: Request) => headers["authorization"] === `Basic ${btoa("name:password")}`

const elsewhereAll: ReadonlyMap<string, Answer> = new Map<string, Answer>([
  robots("Disallow: /private/"),
  ["/sheet.css", send("a { background: url(not-for-you-to-follow) }", "text/css")],
  ["/landing", send(html("landing", ["/not-for-you-to-follow"]))],
  ["/no-head", (request) => (request.method === "HEAD" ? fail(405) : here)(request)],
  ["/limping-head", (request) => (request.method === "HEAD" ? fail(500) : here)(request)],
  ["/members", (request) => (isMember(request) ? here : fail(401))(request)],
  ["/moved", redirect("/landing", 308)]
])

/**
 * Starts the servers. `latency` scales how slow they are: 1 as in the demonstration, 0 not at all. `busy` is how often
 * the busy page answers 503 before it does better, and has to be less than the number of attempts.
 */
export const startSite = Effect.fn("startSite")(
  function*({ busy, latency }: { readonly latency: number; readonly busy: number }) {
    const start = (...content: ReadonlyArray<readonly [path: string, answer: Answer]>) =>
      serve(latency, () => new Map(content))
    const elsewhere = yield* start(...elsewhereAll)
    const unhurried = yield* start(robots("Crawl-delay: 0.2"), ...range(4).map((n) => [`/${n}`, here] as const))
    const hermit = yield* start(robots("Crawl-delay: 3600"), ["/today", here], ["/in-an-hour", here])
    const others = { elsewhere: elsewhere.origin, unhurried: unhurried.origin, hermit: hermit.origin }
    const all = yield* serve(
      latency,
      (origin) => new Map([...siteOthers(elsewhere.origin), ...sitePages(oddities(origin, others), busy)])
    )
    const odd = oddities(all.origin, others)
    const pages = sitePages(odd, busy)

    const plain = ["ok", "too long"]
    const absolute = (link: string) => URL.parse(link, all.origin)?.href ?? link
    const page = (link: string) => absolute(link).replace(/#.*/, "")
    const known = new Map([
      ...[...pages.keys(), ...images, ...photos, "/files/archive"].map((path) => [absolute(path), "ok"] as const),
      ...odd.map(({ is, link, on }) => {
        const places = missingPlaces.filter((missing) => page(missing) === page(link)).map(() => "/odd/places")
        return [page(link), plain.includes(is) ? is : held(is, [...on, ...places].map(absolute))] as const
      }),
      ...missingPlaces.map((link) => [absolute(link), held("a missing place", [absolute("/odd/places")])] as const),
      ["pages to read", `${pages.size}`] as const
    ])
    const site: Site = { url: new URL(all.origin), known, hits: { site: all.hits, elsewhere: elsewhere.hits } }
    return site
  }
)

const held = (what: string, pages: ReadonlyArray<string>) => `${what}, on ${[...pages].sort().join(" ")}`

/** Where a report disagrees with what the site is known to hold, in words; nothing when it is right. */
export const disagreements = ({ known }: Site, report: Report): ReadonlyArray<string> => {
  const found = new Map<string, string>()
  for (const { cut, url } of report.ok) found.set(url, cut === null ? "ok" : "too long")
  for (const { pages, redirects, url } of report.redirected) {
    found.set(url, held(`redirected: ${redirects.join(" ")}`, pages))
  }
  for (const { pages, reason, status, url } of report.broken) {
    found.set(url, held(`broken: ${reason}${status === null ? "" : ` ${status}`}`, pages))
  }
  for (const name of ["disallowed", "skipped", "unchecked"] as const) {
    for (const { pages, url } of report[name]) found.set(url, held(name, pages))
  }

  for (const { pages, url } of report.fragments) found.set(url, held("a missing place", pages))
  found.set("pages to read", `${report.pagesRead}`)
  const keys = [...new Set([...known.keys(), ...found.keys()])].sort().filter((key) =>
    known.get(key) !== found.get(key)
  )
  return keys.map((key) => `${key}\n  known as ${known.get(key) ?? "none"}\n  reported as ${found.get(key) ?? "none"}`)
}

const serve = Effect.fnUntraced(function*(latency: number, content: (origin: string) => ReadonlyMap<string, Answer>) {
  const hits = new Map<string, number>()
  const answer = Effect.gen(function*() {
    const { headers, method, url } = yield* HttpServerRequest.HttpServerRequest
    const hit = (hits.get(url) ?? 0) + 1
    hits.set(url, hit)
    yield* Effect.sleep(latency * latencyOf(url))
    return yield* (answers.get(url) ?? fail(404))({ headers, method, hit })
  })
  const origin = yield* serveRoutes(HttpRouter.add("*", "*", answer))
  const answers = content(origin)
  return { origin, hits }
})

/** From 2 to 30 ms, and one URL in 16 slower, up to 150 ms. */
const latencyOf = (url: string): number => {
  const hash = [...url].reduce((hash, char) => (hash * 31 + char.charCodeAt(0)) % 65_521, 7)
  return hash % 16 === 0 ? 60 + hash % 91 : 2 + hash % 29
}
