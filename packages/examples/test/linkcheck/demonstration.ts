import { Console, Effect } from "effect"
import { check, type Settings } from "../../src/linkcheck/check.ts"
import { Ended } from "../../src/run.ts"
import { disagreements, PAGE_LIMIT, startSite } from "./site.ts"

const next = `What to try next:
  pnpm start https://example.com   check a site of yours; --help lists the options
  pnpm example                     list the other examples
  docs/start-here.md               write a program with a pool of your own`

/** Checks the embedded site, which is broken on purpose, and the report against what it is known to hold. */
export const demonstrate = Effect.fn("demonstrate")(function*(given: Settings) {
  const settings = { ...given, pageLimit: PAGE_LIMIT }
  const site = yield* startSite({ latency: 1, busy: Math.min(settings.retries, 1) })
  const say = (text: string) => settings.quiet ? Effect.void : Console.error(text)
  yield* say(`No URL given: checking an embedded site, which has broken links on purpose, at ${site.url}`)
  const { peak, report } = yield* check(site.url, settings)
  if (settings.maxPages !== undefined || (settings.skip ?? []).length > 0) {
    yield* say("The report is not compared with what the site holds, because of --max-pages or --skip.")
  } else {
    const points = disagreements(site, report)
    if (points.length > 0) {
      yield* Console.error(`The report differs from what the site is known to hold:\n${points.join("\n")}`)
      return yield* new Ended({ exitCode: 1 })
    }
    yield* say("The report agrees with what the site is known to hold.")
  }
  yield* say(
    `At most ${peak.running} requests ran concurrently (--size ${settings.size}), and up to ${peak.waiting} waited in the ` +
      `queue of the pool.\n${next}`
  )
}, Effect.scoped)
