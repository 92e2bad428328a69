import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import type { Socket } from "node:net"
import { Disallowed, makePace as makePaceOf, type Pace, Paused, Waits } from "../../src/linkcheck/host.ts"
import { LinkError } from "../../src/linkcheck/request.ts"
import { linksTo, respond, serve, serveRaw } from "../raw-server.ts"
import { check } from "./crawling.ts"

const origin = "http://slow.test"

const makePace = (crawlDelay: number, maxWait: Duration.Input = "1 minute") => {
  const waits = new Waits()
  const pace = makePaceOf(origin, waits, { retries: 0, maxWait: Duration.fromInputUnsafe(maxWait) })
  pace.keepApart(crawlDelay)
  return { pace, waits }
}

/** A request that takes no time: when it was made, in milliseconds. */
const request = (pace: Pace) => pace.inTurn(Effect.andThen(pace.start, Clock.currentTimeMillis))

const requests = (pace: Pace, count: number) =>
  Effect.forEach(Array.from({ length: count }), () => request(pace), { concurrency: "unbounded" })

const tooMany = (retryAfter?: number) =>
  new LinkError({ reason: "Status", detail: "429", status: 429, ...(retryAfter === undefined ? {} : { retryAfter }) })

describe("the pace of requests to a host", () => {
  it.effect("keeps them apart by its Crawl-delay, the first one immediately, and says how many wait", () =>
    Effect.gen(function*() {
      const { pace, waits } = makePace(2000)
      const fiber = yield* Effect.forkChild(requests(pace, 3))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(waits.now, 2)
      yield* TestClock.adjust("9 seconds")
      assert.deepStrictEqual(yield* Fiber.join(fiber), [0, 2000, 4000])
      assert.strictEqual(waits.now, 0)
      assert.deepStrictEqual([...waits.origins], [[origin, { crawlDelay: 2000, retryAfter: 0 }]])
    }))

  it.effect("doesn't depend on the time of day", () =>
    Effect.gen(function*() {
      const clock = yield* Clock.Clock
      let day = 0
      const jumping: Clock.Clock = {
        sleep: (duration) => clock.sleep(duration),
        monotonicTimeNanos: clock.monotonicTimeNanos,
        monotonicTimeNanosUnsafe: () => clock.monotonicTimeNanosUnsafe(),
        currentTimeMillis: Effect.sync(() => day++ * 86_400_000),
        currentTimeMillisUnsafe: () => day++ * 86_400_000,
        currentTimeNanos: Effect.die("not used"),
        currentTimeNanosUnsafe: () => 0n
      }
      const { pace } = makePace(2000)
      const fiber = yield* Effect.forkChild(Effect.provideService(requests(pace, 3), Clock.Clock, jumping))
      yield* TestClock.adjust("3999 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(fiber)
    }))

  it.effect("lets nobody wait longer than the longest wait, and gives the turn to none of them", () =>
    Effect.gen(function*() {
      const { pace } = makePace(3_600_000)
      yield* request(pace)
      const error = yield* Effect.flip(request(pace))
      assert.instanceOf(error, Disallowed)
      assert.include(error.detail, "Crawl-delay of 3600 s")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* request(pace), 3_600_000)
    }))

  it.effect("knows how many are before in the queue", () =>
    Effect.gen(function*() {
      const { pace } = makePace(20_000)
      const fiber = yield* Effect.forkChild(
        Effect.all(Array.from({ length: 6 }, () => Effect.exit(request(pace))), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust("2 minutes")
      const exits = yield* Fiber.join(fiber)
      assert.deepStrictEqual(exits.map((exit) => exit._tag === "Success" ? exit.value : "too late"), [
        0,
        20_000,
        40_000,
        60_000,
        "too late",
        "too late"
      ])
    }))

  it.effect("keeps them apart from where they start, however long they were in the queue of the pool", () =>
    Effect.gen(function*() {
      const { pace } = makePace(1000)
      const times: Array<number> = []
      const slow = pace.inTurn(
        Effect.sleep("3 seconds").pipe(
          Effect.andThen(pace.start),
          Effect.andThen(Clock.currentTimeMillis),
          Effect.map((time) => times.push(time))
        )
      )
      const fiber = yield* Effect.forkChild(Effect.all([slow, slow, slow], { concurrency: "unbounded" }))
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(times, [3000, 7000, 11_000])
    }))

  it.effect("isn't held up by those that are interrupted while they wait", () =>
    Effect.gen(function*() {
      const { pace, waits } = makePace(1000)
      yield* request(pace)
      const fibers = yield* Effect.forEach([1, 2], () => Effect.forkChild(request(pace)))
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(waits.now, 2)
      yield* Fiber.interruptAll(fibers)
      assert.strictEqual(waits.now, 0)
      const next = yield* Effect.forkChild(request(pace))
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(yield* Fiber.join(next), 1000)
    }))

  it.effect("stops for a pause, and goes on after it, still apart", () =>
    Effect.gen(function*() {
      const { pace, waits } = makePace(1000)
      const fiber = yield* Effect.forkChild(requests(pace, 3))
      yield* TestClock.adjust("500 millis")
      yield* pace.pause(5000)
      assert.instanceOf(yield* Effect.flip(pace.start), Paused)
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(yield* Fiber.join(fiber), [0, 5500, 6500])
      assert.deepStrictEqual(waits.origins.get(origin), { crawlDelay: 1000, retryAfter: 5000 })
      yield* pace.start
    }))

  it.effect("counts pauses that overlap once", () =>
    Effect.gen(function*() {
      const { pace, waits } = makePace(0)
      yield* pace.pause(5000)
      yield* pace.pause(2000)
      yield* pace.pause(6000)
      assert.deepStrictEqual(waits.origins.get(origin), { crawlDelay: 0, retryAfter: 6000 })
    }))
})

describe("an attempt that is told to wait", () => {
  /** When it was made, given the errors that it fails with one after the other. */
  const attempts = (errors: ReadonlyArray<LinkError>, maxWait: Duration.Input) =>
    Effect.gen(function*() {
      const { pace } = makePace(0, maxWait)
      const times: Array<number> = []
      const attempt = request(pace).pipe(
        Effect.flatMap((now) => {
          const error = errors[times.push(now) - 1]
          return error === undefined ? Effect.succeed("done") : Effect.fail(error)
        })
      )
      const fiber = yield* Effect.forkChild(Effect.exit(pace.patiently(attempt)))
      yield* TestClock.adjust("1 hour")
      return { times: times.map((time) => time - times[0]!), ends: (yield* Fiber.join(fiber))._tag }
    })

  it.effect.each(
    [
      ["is made again when the time has come, as often as it is told to", [3000, 2000, 1000], [0, 3000, 5000, 6000]],
      ["waits twice as long each time where it isn't told how long", [undefined, undefined, undefined], [
        0,
        1000,
        3000,
        7000
      ]]
    ] as const
  )("%s", ([, waits, times]) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* attempts(waits.map((wait) => tooMany(wait)), "1 minute"), {
        times: [...times],
        ends: "Success"
      })
    }))

  it.effect("isn't made again when all of that is longer than the longest wait", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* attempts([tooMany(86_400_000)], "1 minute"), { times: [0], ends: "Failure" })
      assert.deepStrictEqual(yield* attempts([tooMany(30_000), tooMany(30_000), tooMany(1)], "1 minute"), {
        times: [0, 30_000, 60_000],
        ends: "Failure"
      })
    }))
})

/** A host that answers so many requests, then for almost a second 429 with a header, then again so many. */
const limiter = (limit: number, retryAfter: string) => {
  const counts = { answered: 0, refused: 0 }
  let left = limit
  let refusingSince = 0
  return Effect.map(
    serveRaw((socket, path) => {
      if (path === "/robots.txt") return void socket.end(respond("404 No", ""))
      if (left === 0 && refusingSince > 0 && performance.now() - refusingSince > 900) {
        left = limit
        refusingSince = 0
      }
      if (left > 0) {
        left--
        counts.answered++
        return void socket.end(respond("200 OK", ""))
      }
      if (refusingSince === 0) refusingSince = performance.now()
      counts.refused++
      socket.end(respond("429 Too Many Requests", "", retryAfter))
    }),
    ({ origin }) => ({ origin, counts })
  )
}

const siteWith = (links: ReadonlyArray<string>) => serve({ "/": linksTo(...links) })

describe("a crawl", { concurrent: true, timeout: 60_000 }, () => {
  const date = "Date: Wed, 01 Jan 2020 00:00:00 GMT\r\nRetry-After: Wed, 01 Jan 2020 00:00:01 GMT"
  for (
    const [title, retryAfter] of [["in seconds", "Retry-After: 1"], ["as a date, by its own clock", date]] as const
  ) {
    it.live(`finds no link broken of a host that takes 20 requests at a time, and says when the next (${title})`, () =>
      Effect.gen(function*() {
        const host = yield* limiter(20, retryAfter)
        const site = yield* siteWith(Array.from({ length: 40 }, (_, index) => `${host.origin}/${index}`))
        const { broken, ok, waits } = yield* check(site.origin, { size: 32, retries: 0 })
        assert.deepStrictEqual([broken.length, ok.length], [0, 41])
        assert.strictEqual(host.counts.answered, 40)
        // The others don't ask during the pause, but for those whose request was under way.
        assert.isAtMost(host.counts.refused, 64)
        assert.deepStrictEqual(waits.map(({ origin }) => origin), [host.origin])
        assert.isAbove(waits[0]?.retryAfter ?? 0, 900)
      }).pipe(Effect.scoped))
  }

  it.live("tries GET after a HEAD that is one request too many", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const host = yield* serveRaw((socket, path, method) => {
        if (path !== "/robots.txt") asked.push(method)
        socket.end(respond(method === "HEAD" ? "429 Too Many Requests" : "200 OK", ""))
      })
      const site = yield* siteWith([`${host.origin}/`])
      assert.deepStrictEqual((yield* check(site.origin)).broken, [])
      assert.deepStrictEqual(asked, ["HEAD", "GET"])
    }).pipe(Effect.scoped))

  it.live("doesn't wait a day, nor for ever", () =>
    Effect.gen(function*() {
      const forEver = yield* limiter(0, `Retry-After: ${"9".repeat(400)}`)
      const error = (yield* check((yield* siteWith([`${forEver.origin}/`])).origin)).broken[0]
      assert.strictEqual(error?.status, 429)
      // A date is by the server's own clock.
      const date = "Date: Wed, 01 Jan 2020 00:00:00 GMT\r\nRetry-After: Thu, 02 Jan 2020 00:00:00 GMT"
      for (const retryAfter of ["Retry-After: 86400", date]) {
        const site = yield* siteWith([`${(yield* limiter(0, retryAfter)).origin}/`])
        const { broken } = yield* check(site.origin)
        assert.deepStrictEqual(broken.map(({ detail }) => detail), ["the server answered 429, and asks to wait 1d"])
      }
    }).pipe(Effect.scoped))

  it.live("holds no slot for a host that asks for time between requests, nor for one that asks for a pause", () =>
    Effect.gen(function*() {
      const times: Array<number> = []
      const polite = yield* serveRaw((socket, path) => {
        if (path === "/robots.txt") return void socket.end(respond("200 OK", "User-agent: *\nCrawl-delay: 1"))
        times.push(performance.now())
        socket.end(respond("200 OK", ""))
      })
      const limited = yield* limiter(1, "Retry-After: 1")
      const elsewhere = [1, 2, 3].flatMap((n) => [`${polite.origin}/${n}`, `${limited.origin}/${n}`])
      // Each page is known by the one before it only, so that it comes after all that waits.
      const chain = Array.from(
        { length: 20 },
        (_, page) => [`/${page || ""}`, linksTo(`/${page + 1}`, ...elsewhere)] as const
      )
      let last = 0
      const end = (socket: Socket) => {
        last = performance.now()
        socket.end(respond("200 OK", ""))
      }
      const site = yield* serve({ ...Object.fromEntries(chain), "/20": end })
      // With one slot, which any wait would occupy.
      const { broken, ok } = yield* check(site.origin, { size: 1 })
      assert.deepStrictEqual([broken.length, ok.length], [0, 27])
      for (const [index, time] of times.slice(1).entries()) assert.isAbove(time - times[index]!, 900)
      assert.isBelow(last, times[2]!)
    }).pipe(Effect.scoped))

  it.live("follows the first link to a host that asks for an hour between two, and says why not the others", () =>
    Effect.gen(function*() {
      const here = respond("200 OK", "")
      const rules = respond("200 OK", "User-agent: *\nCrawl-delay: 3600")
      const hermit = yield* serve({ "/robots.txt": rules, "/1": here, "/2": here })
      const site = yield* siteWith([`${hermit.origin}/1`, `${hermit.origin}/2`])
      const { disallowed, ok, waits } = yield* check(site.origin)
      assert.deepStrictEqual([ok.length, disallowed.length], [2, 1])
      assert.include(disallowed[0]?.detail, "Crawl-delay of 3600 s")
      assert.deepStrictEqual(waits, [{ origin: hermit.origin, crawlDelay: 3_600_000, retryAfter: 0 }])
    }).pipe(Effect.scoped))
})
