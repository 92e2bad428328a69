import { GreenPile, GreenPool } from "@greenpool/core"
import { Cache, Duration, Effect, Result, Runtime, Schema, Stream } from "effect"
import { CliError } from "effect/cli"
import { type Links, withoutFragment } from "./links.ts"
import { type Answer, checkOnly, LinkError, readPage, type RequestOptions } from "./request.ts"
import { fetchPolicy } from "./robots.ts"

/** So many redirects are followed from a link, as browsers do. */
const MAX_REDIRECTS = 20

export interface CrawlOptions extends RequestOptions {
  /** How many pages of the site are read for links. Default: all. Links on them are checked in any case. */
  readonly maxPages?: number | undefined
}

/** The robots.txt of the link's origin does not allow this program to follow it. */
export class Disallowed extends Schema.TaggedError<Disallowed>()("Disallowed", {}) {}

/** The crawl cannot begin: the start page gives no HTTP answer, or robots.txt forbids it. */
export class StartError extends Schema.TaggedError<StartError>()("StartError", {
  url: Schema.String,
  reason: Schema.String
}) {
  override readonly [Runtime.errorExitCode] = 2
  override get message() {
    return `cannot check ${this.url}: ${this.reason}`
  }
  override get [CliError.userMessage]() {
    return this.message
  }
}

/** What became of one link. */
export interface Checked {
  readonly url: string
  /** Where the link leads from redirect to redirect; the last one is its end. */
  readonly redirects: ReadonlyArray<string>
  readonly outcome: Result.Result<Answer, LinkError | Disallowed>
  readonly millis: number
}

/** What a crawl knows at a moment: the links it has found, and what became of those checked so far. */
export class Ledger {
  /** All links found, each with the pages that hold it; of links that work these are not kept. */
  readonly found = new Map<string, Set<string>>()
  readonly checked: Array<Checked> = []
  pagesRead = 0
  pagesUnread = 0

  /** Notes that a page holds a link; true if the link is new. */
  note(link: string, page: string): boolean {
    const pages = this.found.get(link)
    if (pages === undefined) this.found.set(link, new Set([page]))
    else if (pages !== WORKS) pages.add(page)
    return pages === undefined
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
 * It is a recursion of jobs on the one pool: a job that reads a page spawns a job for each new link. That no job waits
 * for ever on a full pool is the pool's business, and that nothing is forgotten is `waitall`'s.
 *
 * What a job finds goes into the ledger at once. It is the caller's, who has it even if the crawl is interrupted.
 */
export const crawl = Effect.fn("crawl")(function*(start: URL, ledger: Ledger, options: CrawlOptions) {
  const pool = yield* GreenPool
  const pile = yield* GreenPile.make<void, StartError>(pool)
  const { maxPages = Number.POSITIVE_INFINITY } = options
  let site = start.origin

  const policies = yield* Cache.make({
    capacity: Number.POSITIVE_INFINITY,
    lookup: (origin: string) =>
      Effect.mapError(
        fetchPolicy(origin, options),
        ({ detail, reason }) => new LinkError({ reason, detail: `robots.txt: ${detail}` })
      )
  })

  // The links of pages that were fetched, as the end of a redirect perhaps, and not followed yet.
  const unread = new Map<string, Links>()

  const request = Effect.fnUntraced(function*(url: string) {
    const { origin } = new URL(url)
    const policy = yield* Cache.get(policies, origin)
    if (!policy.allows(url)) return yield* new Disallowed()
    yield* policy.turn
    const { answer, links } = yield* origin === site ? readPage(url, options) : checkOnly(url, options)
    if (links !== undefined) unread.set(url, links)
    return answer
  })

  // Each URL is requested once, however many links and redirects lead to it.
  const answers = yield* Cache.make({
    capacity: Number.POSITIVE_INFINITY,
    lookup: (url: string) => Effect.timed(Effect.result(request(url)))
  })

  const follow = Effect.fnUntraced(function*(url: string, entering: boolean) {
    const redirects: Array<string> = []
    let millis = 0
    let at = url
    const end = (outcome: Checked["outcome"]): Checked => ({ url, redirects, outcome, millis: Math.round(millis) })
    while (true) {
      const [time, outcome] = yield* Cache.get(answers, at)
      millis += Duration.toMillis(time)
      if (Result.isFailure(outcome)) return end(outcome)
      const { location, status } = outcome.success
      if (!isRedirect(status)) return end(outcome)

      const broken = (reason: LinkError["reason"], detail: string) =>
        end(Result.fail(new LinkError({ reason, detail, status })))
      const next = location === undefined ? null : URL.parse(location, at)
      if (next === null || !next.protocol.startsWith("http")) {
        return broken("InvalidRedirect", `redirect to ${location ?? "nowhere"}`)
      }
      const target = withoutFragment(next)
      const seen = target === url || redirects.includes(target)
      redirects.push(target)
      if (seen) return broken("RedirectLoop", `redirected in a circle, back to ${target}`)
      if (redirects.length > MAX_REDIRECTS) return broken("TooManyRedirects", `more than ${MAX_REDIRECTS} redirects`)
      if (entering) site = next.origin
      at = target
    }
  })

  const spread = Effect.fnUntraced(function*({ redirects, url }: Checked) {
    const page = redirects.at(-1) ?? url
    const links = unread.get(page)
    if (links === undefined || new URL(page).origin !== site) return
    unread.delete(page)
    if (ledger.pagesRead >= maxPages) {
      ledger.pagesUnread++
      return
    }
    ledger.pagesRead++
    for (const link of links.malformed) {
      if (!ledger.note(link, page)) continue
      const outcome = Result.fail(new LinkError({ reason: "InvalidUrl", detail: "this is no URL" }))
      ledger.record({ url: link, redirects: [], outcome, millis: 0 })
    }
    for (const link of links.urls) {
      if (ledger.note(link, page)) yield* pile.spawn(visit(link))
    }
  })

  const visit = (url: string, entering = false): Effect.Effect<void, StartError> =>
    Effect.gen(function*() {
      const checked = yield* follow(url, entering)
      if (entering) yield* mustBegin(checked)
      ledger.record(checked)
      yield* spread(checked)
    })

  const first = withoutFragment(start)
  ledger.found.set(first, new Set())
  yield* pile.spawn(visit(first, true))
  yield* pool.waitall
  // Broken links are no failures of their jobs: what comes to light here is a start that failed, and any defect.
  yield* Stream.runDrain(pile.results)
}, Effect.scoped)

const isRedirect = (status: number): boolean => [301, 302, 303, 307, 308].includes(status)

const mustBegin = ({ outcome, url }: Checked): Effect.Effect<void, StartError> => {
  if (Result.isSuccess(outcome)) return Effect.void
  const error = outcome.failure
  if (error._tag === "Disallowed") {
    return Effect.fail(new StartError({ url, reason: "its robots.txt does not allow it" }))
  }
  const silent = ["Unreachable", "Closed", "Garbage", "Timeout"].includes(error.reason)
  return silent ? Effect.fail(new StartError({ url, reason: error.detail })) : Effect.void
}
