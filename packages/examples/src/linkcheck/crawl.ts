import { GreenPool } from "@greenpool/core"
import { Cache, Data, Effect, FiberSet, Result, Runtime, Schema } from "effect"
import { Cookies, type HttpClient, HttpClientRequest } from "effect/http"
import { CookieJar } from "tough-cookie"
import { Disallowed, fetchRobots, makePace, now, type Pace, type WaitOptions, Waits } from "./host.ts"
import { type Links, placeOf, withoutCredentials, withoutFragment } from "./links.ts"
import {
  type Answer,
  credentials,
  exchange,
  getText,
  isRedirect,
  LinkError,
  type RequestHeaders,
  type RequestOptions
} from "./request.ts"
import { ROBOTS_LIMIT } from "./robots.ts"

/** So many redirects are followed from a link, as browsers do. */
const MAX_REDIRECTS = 20

export interface CrawlOptions extends RequestOptions, WaitOptions {
  /** How many pages of the site are read for links. Default: all. Links on them are checked in any case. */
  readonly maxPages?: number | undefined
  /** Links that match one of these are neither requested nor followed. */
  readonly skip?: ReadonlyArray<RegExp>
  /** Sent with each request to the site, and to no other. */
  readonly headers?: RequestHeaders
}

/** The link matches `--skip`. */
export class Skipped extends Data.TaggedError("Skipped") {}

/** The crawl cannot begin: the start page gives no HTTP answer, or robots.txt forbids it. */
export class StartError extends Schema.TaggedError<StartError>()("StartError", {
  url: Schema.String,
  reason: Schema.String
}) {
  override readonly [Runtime.errorExitCode] = 2
  override get message() {
    return `cannot check ${this.url}: ${this.reason}`
  }
}

export type Outcome = Result.Result<Answer, LinkError | Disallowed | Skipped>

/** What became of one link. */
export interface Checked {
  readonly url: string
  /** Where the link leads from redirect to redirect; the last one is its end. */
  readonly redirects: ReadonlyArray<string>
  /** The place in the page that a redirect names, which counts before the link's own. */
  readonly place?: string | undefined
  readonly outcome: Outcome
  readonly millis: number
}

/** What a crawl knows at a moment: the links it has found, and what became of those checked so far. */
export class Ledger {
  /** All links found, each with the pages that hold it; of links that work these are not kept. */
  readonly found = new Map<string, Set<string>>()
  readonly checked: Array<Checked> = []
  /** Links to a place in a page, as found with their fragments; and the places of the pages that were read to the end. */
  readonly fragments = new Map<string, Set<string>>()
  readonly places = new Map<string, ReadonlySet<string>>()
  readonly waits = new Waits()
  pagesRead = 0
  pagesUnread = 0

  /** Notes that a page holds a link; true if the link is new. */
  note(link: string, page: string): boolean {
    const pages = this.found.get(link)
    if (pages === undefined) this.found.set(link, new Set([page]))
    else if (pages !== WORKS) pages.add(page)
    return pages === undefined
  }

  noteFragment(link: string, page: string): void {
    this.fragments.set(link, (this.fragments.get(link) ?? new Set()).add(page))
  }

  record(checked: Checked): void {
    this.checked.push(checked)
    if (Result.isSuccess(checked.outcome) && checked.redirects.length === 0) this.found.set(checked.url, WORKS)
  }
}

const WORKS: Set<string> = new Set()

/**
 * Checks a site: reads it from its start page, follows links within the site, and checks each link to elsewhere once.
 *
 * Each link has a fiber, and all their requests share one pool. A slot is held for the time of a request and for no
 * other: links that wait for their host (`Crawl-delay`, `Retry-After`, the time between two attempts) hold none.
 *
 * What is found goes into the ledger immediately. It is the caller's, who has it even if the crawl is interrupted.
 */
export const crawl = Effect.fn("crawl")(function*(start: URL, ledger: Ledger, options: CrawlOptions) {
  const pool = yield* GreenPool
  const { headers = {}, maxPages = Number.POSITIVE_INFINITY, skip = [] } = options
  const isSkipped = (link: string) => skip.some((pattern) => pattern.test(link))
  let site = start.origin
  const own = { ...credentials(start.href), ...headers }

  /** Waits until a request may be made, and makes it with a slot of the pool. */
  const ask = <A, E>(pace: Pace, request: Effect.Effect<A, E, HttpClient.HttpClient>) =>
    pace.inTurn(pool.run(Effect.andThen(pace.start, request)))

  const headersFor = (origin: string): RequestHeaders => origin === site || origin === start.origin ? own : {}

  const hosts = yield* Cache.make({
    capacity: Number.POSITIVE_INFINITY,
    lookup: Effect.fnUntraced(function*(origin: string) {
      const pace = makePace(origin, ledger.waits, options)
      const robots = yield* fetchRobots(origin, (url) => {
        const request = HttpClientRequest.get(url, { headers: headersFor(new URL(url).origin) })
        return pace.patiently(ask(pace, getText(request, ROBOTS_LIMIT, options.timeout)))
      })
      pace.keepApart(robots.delay)
      return { pace, robots }
    })
  })

  // Origins that answer HEAD badly: they are asked by GET from then on.
  const headless = new Set<string>()

  // The links of pages that were fetched, as the end of a redirect perhaps; undefined once they are followed.
  const pages = new Map<string, Links | undefined>()

  /** Asks for a URL, and says how long that took without the waits between its attempts. */
  const request = Effect.fnUntraced(function*(url: string, jar?: CookieJar) {
    let millis = 0
    const answer = Effect.gen(function*() {
      if (isSkipped(url)) return yield* new Skipped()
      const { origin } = new URL(url)
      const { pace, robots } = yield* Cache.get(hosts, origin)
      if (!robots.allows(url)) return yield* new Disallowed({ detail: "forbidden by robots.txt" })

      const read = origin === site
      const headers = headersFor(origin)
      const cookie = [headers["cookie"] ?? [], jar?.getCookieStringSync(url) || []].flat().join("; ")
      const sent = cookie === "" ? headers : { ...headers, cookie }
      let method: "GET" | "HEAD" = "GET"
      let trustsHead = !read && jar === undefined
      const send = ask(
        pace,
        Effect.flatMap(now, (began) => {
          method = trustsHead && !headless.has(origin) ? "HEAD" : "GET"
          return Effect.ensuring(
            exchange(HttpClientRequest.make(method)(url, { headers: sent }), { ...options, read }),
            Effect.map(now, (ended) => void (millis += ended - began))
          )
        })
      )
      // Many servers fail at HEAD, so that a link isn't called broken on its word alone: GET is tried, in its own time.
      const attempt = Effect.catchTag(send, "LinkError", (error) => {
        if (method === "GET") return Effect.fail(error)
        trustsHead = false
        if (error.reason !== "Status") headless.add(origin)
        return pace.grants(error) ? Effect.fail(error) : send
      })
      const { answer, links } = yield* pace.patiently(attempt).pipe(
        Effect.catchTag("CutOff", ({ page }) => Effect.succeed(page))
      )
      if (links !== undefined && !pages.has(url)) pages.set(url, links)
      return answer
    })
    return { outcome: yield* Effect.result(answer), millis }
  })

  // Each URL is requested once, however many links and redirects lead to it.
  const answers = yield* Cache.make({
    capacity: Number.POSITIVE_INFINITY,
    lookup: (url: string) => request(url)
  })

  /** Follows a link from redirect to redirect. The jar has the cookies of these. */
  const follow = Effect.fnUntraced(function*(
    url: string,
    entering: boolean,
    jar?: CookieJar
  ): Effect.fn.Return<Checked, never, HttpClient.HttpClient> {
    const redirects: Array<string> = []
    let millis = 0
    let place: string | undefined
    let at = url
    let setsCookies = false
    const end = (outcome: Outcome) =>
      // Some servers redirect in a circle until their cookie comes back.
      Result.isFailure(outcome) && setsCookies && jar === undefined
        ? follow(url, entering, new CookieJar())
        : Effect.succeed({ url, redirects, place, outcome, millis: Math.round(millis) })
    while (true) {
      const { millis: time, outcome } = yield* jar === undefined ? Cache.get(answers, at) : request(at, jar)
      millis += time
      if (Result.isFailure(outcome)) return yield* end(outcome)
      const { bytes, cookies, location, status } = outcome.success
      setsCookies ||= !Cookies.isEmpty(cookies)
      for (const cookie of Cookies.toSetCookieHeaders(cookies)) jar?.setCookieSync(cookie, at, { ignoreError: true })
      // A browser shows the body of a redirect to nowhere.
      if (!isRedirect(status) || location === undefined && bytes !== 0) return yield* end(outcome)

      const broken = (reason: LinkError["reason"], detail: string) =>
        end(Result.fail(new LinkError({ reason, detail, status })))
      const next = location === undefined ? null : URL.parse(location, at)
      if (next === null || NOWHERE.has(next.protocol)) {
        return yield* broken("InvalidRedirect", `redirect to ${location ?? "nowhere"}`)
      }
      const target = withoutFragment(next)
      const seen = target === url || redirects.includes(target)
      redirects.push(target)
      // Such as `mailto:`, which isn't a link to check either.
      if (!next.protocol.startsWith("http")) return yield* end(outcome)
      if (seen && jar === undefined) {
        return yield* broken("RedirectLoop", `redirected in a circle, back to ${target}`)
      }
      if (redirects.length > MAX_REDIRECTS) {
        return yield* broken("TooManyRedirects", `more than ${MAX_REDIRECTS} redirects`)
      }
      if (entering) site = next.origin
      place = placeOf(next) ?? place
      at = target
    }
  })

  /** Records what a page holds, and returns those of its links that are new. */
  const read = ({ outcome, redirects, url }: Checked): ReadonlyArray<string> => {
    const page = redirects.at(-1) ?? url
    const links = pages.get(page)
    if (Result.isFailure(outcome) || links === undefined || new URL(page).origin !== site) return []
    pages.set(page, undefined)
    if (outcome.success.cut === undefined) ledger.places.set(page, links.places)
    if (ledger.pagesRead >= maxPages) {
      ledger.pagesUnread++
      return []
    }
    ledger.pagesRead++
    for (const link of links.malformed) {
      if (!ledger.note(link, page)) continue
      const error = isSkipped(link)
        ? new Skipped()
        : new LinkError({ reason: "InvalidUrl", detail: "this isn't a URL" })
      ledger.record({ url: link, redirects: [], outcome: Result.fail(error), millis: 0 })
    }
    for (const link of links.fragments) ledger.noteFragment(link, page)
    return [...links.urls].filter((link) => ledger.note(link, page))
  }

  const visits = yield* FiberSet.make<void, never>()
  const visit = (checked: Checked): Effect.Effect<void, never, HttpClient.HttpClient> => {
    ledger.record(checked)
    return Effect.forEach(
      read(checked),
      (link) => FiberSet.run(visits, Effect.flatMap(follow(link, false), visit)),
      { discard: true }
    )
  }

  const first = withoutFragment(withoutCredentials(start))
  ledger.found.set(first, new Set())
  const entered = yield* follow(first, true)
  yield* mustBegin(entered)
  yield* visit(entered)
  // A broken link isn't a failure of its fiber, so that only defects surface here.
  yield* Effect.raceFirst(FiberSet.join(visits), FiberSet.awaitEmpty(visits))
}, Effect.scoped)

/** A browser doesn't follow a redirect to one of these. */
const NOWHERE: ReadonlySet<string> = new Set(["about:", "blob:", "data:", "file:", "ftp:", "javascript:"])

const mustBegin = ({ outcome, url }: Checked): Effect.Effect<void, StartError> => {
  if (Result.isSuccess(outcome)) return Effect.void
  const error = outcome.failure
  const reason = error._tag === "Skipped" ? "it matches --skip" : error.detail
  const isSilent = error._tag !== "LinkError" || SILENT.has(error.reason)
  return isSilent ? new StartError({ url, reason }) : Effect.void
}

const SILENT: ReadonlySet<string> = new Set(["Unreachable", "Closed", "Garbage", "Timeout"])
