import { assert, describe } from "@effect/vitest"
import { Duration } from "effect"
import { disagreements, PAGE_LIMIT, startSite } from "../../src/embedded/linkcheck-site.ts"
import { toJson } from "../../src/linkcheck/report.ts"
import { live } from "../live.ts"
import { check } from "./crawling.ts"

/** A report without what may differ between two runs on one site. */
const lasting = (json: string) => json.replaceAll(/"(millis|detail|retryAfter)": .*/g, "")

/** What was asked for more than once since there were these hits. */
const overAsked = (hits: ReadonlyMap<string, number>, before: ReadonlyMap<string, number> = new Map()) =>
  [...hits].map(([path, count]) => [path, count - (before.get(path) ?? 0)] as const).filter(([, count]) => count > 1)

describe("a crawl of the embedded site", { timeout: 120_000 }, () => {
  live("finds what the site holds, whatever the size of the pool, and asks for each thing once", function*() {
    const site = yield* startSite({ latency: 0.05, busy: 1 })
    const { elsewhere, site: hits } = site.hits
    const crawl = (size: number, seconds: number) =>
      check(site.url, { pageLimit: PAGE_LIMIT, timeout: Duration.seconds(seconds), size })
    // Twice are only: what failed in a way that may pass, and what is asked again by GET after a HEAD that failed; and
    // the last one with a cookie that it has got the first time.
    const twice = [["/error", 2], ["/never", 2], ["/welcome", 3]] as const
    const twiceElsewhere = [["/dead", 2], ["/no-head", 2], ["/limping-head", 2]] as const

    const one = yield* crawl(1, 1.5)
    assert.deepStrictEqual(disagreements(site, one), [])
    assert.sameDeepMembers(overAsked(hits), [["/busy", 2], ...twice])
    assert.sameDeepMembers(overAsked(elsewhere), [...twiceElsewhere])
    const before = [new Map(hits), new Map(elsewhere)]

    const many = yield* crawl(32, 3)
    assert.strictEqual(lasting(toJson(many)), lasting(toJson(one)))
    assert.sameDeepMembers(overAsked(hits, before[0]), [...twice])
    assert.sameDeepMembers(overAsked(elsewhere, before[1]), [...twiceElsewhere])
    assert.deepStrictEqual([...hits.keys()].filter((path) => path.startsWith("/private/")), [])
    assert.isFalse(elsewhere.has("/not-for-you-to-follow"))

    // What compares a report with the site tells a wrong one from a right one.
    const known = new Map(site.known).set(`${site.url}about`, "broken").set("pages to read", "7")
    for (const path of ["style.css", "odd/places#nowhere"]) known.delete(`${site.url}${path}`)
    const points = ["about\n.*broken\n.*ok", "#nowhere\n.*none\n.*a missing place, on .*", "style.css\n.*none\n.*ok"]
    const expected = new RegExp(`^${points.map((point) => `\\S+${point}\n`).join("")}pages to read\n.* 7\n.* \\d+$`)
    assert.match(disagreements({ ...site, known }, many).join("\n"), expected)
  })
})
