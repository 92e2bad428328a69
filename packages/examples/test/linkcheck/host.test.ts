import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Result } from "effect"
import { TestClock } from "effect/testing"
import { Disallowed, makePace as makePaceOf, type Pace, Paused, Waits } from "../../src/linkcheck/host.ts"
import { LinkError } from "../../src/linkcheck/request.ts"
import { live } from "../live.ts"
import { numbers } from "../outside.ts"
import { linksTo, respond, serveRaw } from "../raw-server.ts"
import { check, checkLinks } from "./crawling.ts"

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
  Effect.forEach(numbers(count), () => request(pace), { concurrency: "unbounded" })

const tooMany = (retryAfter?: number) =>
  new LinkError({ reason: "Status", detail: "429", status: 429, ...(retryAfter === undefined ? {} : { retryAfter }) })

const timed = (title: string, test: () => Generator<Effect.Effect<unknown, unknown>, void, never>) =>
  it.effect(title, () => Effect.gen(test))

/** What an effect returns that has no more than this time. */
const within = Effect.fnUntraced(function*<A, E>(time: Duration.Input, effect: Effect.Effect<A, E>) {
  const fiber = yield* Effect.forkChild(effect)
  yield* TestClock.adjust(time)
  assert.isDefined(fiber.pollUnsafe())
  return yield* Fiber.join(fiber)
})

describe("the pace of requests to a host", () => {
  timed("keeps them apart by its Crawl-delay, the first one immediately, and says how many wait", function*() {
    const { pace, waits } = makePace(2000)
    const fiber = yield* Effect.forkChild(requests(pace, 3))
    yield* TestClock.adjust("1 second")
    assert.strictEqual(waits.now, 2)
    yield* TestClock.adjust("9 seconds")
    assert.deepStrictEqual(yield* Fiber.join(fiber), [0, 2000, 4000])
    assert.strictEqual(waits.now, 0)
    assert.deepStrictEqual([...waits.origins], [[origin, { crawlDelay: 2000, retryAfter: 0 }]])
  })

  timed("doesn't depend on the time of day", function*() {
    let day = 0
    const currentTimeMillis = Effect.sync(() => day++ * 86_400_000)
    const jumping: Clock.Clock = Object.assign(Object.create(yield* Clock.Clock), { currentTimeMillis })
    const all = Effect.provideService(requests(makePace(2000).pace, 3), Clock.Clock, jumping)
    const fiber = yield* Effect.forkChild(all)
    yield* TestClock.adjust("3999 millis")
    assert.isUndefined(fiber.pollUnsafe())
    yield* within("1 millis", Fiber.join(fiber))
  })

  timed("lets nobody wait longer than the longest wait, and gives the turn to none of them", function*() {
    const { pace } = makePace(20_000)
    const tries = Effect.forEach(numbers(6), () => Effect.result(request(pace)), { concurrency: "unbounded" })
    const results = yield* within("80 seconds", tries)
    const late = Result.fail(new Disallowed({ detail: "its turn is too late, by a Crawl-delay of 20 s" }))
    assert.deepStrictEqual(results, [...[0, 20_000, 40_000, 60_000].map(Result.succeed), late, late])
    assert.strictEqual(yield* request(pace), 80_000)
  })

  timed("keeps them apart from where they start, however long they were in the queue of the pool", function*() {
    const { pace } = makePace(1000)
    const slow = pace.inTurn(Effect.delay(Effect.andThen(pace.start, Clock.currentTimeMillis), "3 seconds"))
    const all = Effect.all([slow, slow, slow], { concurrency: "unbounded" })
    assert.deepStrictEqual(yield* within("1 minute", all), [3000, 7000, 11_000])
  })

  timed("isn't held up by those that are interrupted while they wait", function*() {
    const { pace, waits } = makePace(1000)
    yield* request(pace)
    const fibers = yield* Effect.forEach([1, 2], () => Effect.forkChild(request(pace)))
    yield* TestClock.adjust("500 millis")
    assert.strictEqual(waits.now, 2)
    yield* Fiber.interruptAll(fibers)
    assert.strictEqual(waits.now, 0)
    assert.strictEqual(yield* within("500 millis", request(pace)), 1000)
  })

  timed("stops for a pause, and goes on after it, still apart", function*() {
    const { pace, waits } = makePace(1000)
    const fiber = yield* Effect.forkChild(requests(pace, 3))
    yield* TestClock.adjust("500 millis")
    yield* pace.pause(5000)
    assert.instanceOf(yield* Effect.flip(pace.start), Paused)
    yield* TestClock.adjust("20 seconds")
    assert.deepStrictEqual(yield* Fiber.join(fiber), [0, 5500, 6500])
    assert.deepStrictEqual(waits.origins.get(origin), { crawlDelay: 1000, retryAfter: 5000 })
    // Pauses that overlap count once.
    for (const millis of [5000, 2000, 6000]) yield* pace.pause(millis)
    assert.strictEqual(waits.origins.get(origin)?.retryAfter, 11_000)
  })
})

describe("an attempt that is told to wait", () => {
  /** When it was made, given the waits that it is told one after the other, and how it ends. */
  const attempts = Effect.fnUntraced(function*(waits: ReadonlyArray<number | undefined>) {
    const { pace } = makePace(0)
    const times: Array<number> = []
    const attempt = Effect.flatMap(request(pace), (now) => {
      const index = times.push(now) - 1
      return index < waits.length ? Effect.fail(tooMany(waits[index])) : Effect.succeed("done")
    })
    const exit = yield* within("1 hour", Effect.exit(pace.patiently(attempt)))
    return [exit._tag, ...times.map((time) => time - times[0]!)]
  })

  timed("is made again when the time has come, as often as it is told, but not beyond the longest wait", function*() {
    assert.deepStrictEqual(yield* attempts([3000, 2000, 1000]), ["Success", 0, 3000, 5000, 6000])
    // Twice as long each time where it isn't told how long.
    assert.deepStrictEqual(yield* attempts([undefined, undefined, undefined]), ["Success", 0, 1000, 3000, 7000])
    assert.deepStrictEqual(yield* attempts([86_400_000]), ["Failure", 0])
    assert.deepStrictEqual(yield* attempts([30_000, 30_000, 1]), ["Failure", 0, 30_000, 60_000])
  })
})

/** A host that answers so many requests, then for almost a second 429 with a header, then again so many. */
const limiter = (limit: number, retryAfter: string) => {
  const counts = { answered: 0, refused: 0 }
  let left = limit
  let refusingSince = 0
  const server = serveRaw((socket, path) => {
    if (path === "/robots.txt") return void socket.end(respond("404 No", ""))
    if (left === 0 && refusingSince > 0 && performance.now() - refusingSince > 900) {
      left = limit
      refusingSince = 0
    }
    const isAnswered = left > 0
    if (isAnswered) left--
    else if (refusingSince === 0) refusingSince = performance.now()
    counts[isAnswered ? "answered" : "refused"]++
    socket.end(isAnswered ? respond("200 OK", "") : respond("429 Too Many Requests", "", retryAfter))
  })
  return Effect.map(server, ({ origin }) => ({ origin, counts }))
}

describe("a crawl", { concurrent: true, timeout: 60_000 }, () => {
  live("finds no link broken of a host that takes 20 requests, and says when the next", function*() {
    const host = yield* limiter(20, "Retry-After: 1")
    const links = numbers(40).map((n) => `${host.origin}/${n}`)
    const { broken, ok, waits } = yield* checkLinks(links, { size: 32, retries: 0 })
    assert.deepStrictEqual([broken.length, ok.length], [0, 41])
    assert.strictEqual(host.counts.answered, 40)
    // The others don't ask during the pause, but for those whose request was under way.
    assert.isAtMost(host.counts.refused, 64)
    assert.deepStrictEqual(waits.map(({ origin }) => origin), [host.origin])
    assert.isAbove(waits[0]?.retryAfter ?? 0, 900)
  })

  live("doesn't wait a day, nor for ever", function*() {
    const forEver = yield* limiter(0, `Retry-After: ${"9".repeat(400)}`)
    assert.strictEqual((yield* checkLinks([`${forEver.origin}/`])).broken[0]?.status, 429)
    // A date is by the clock of the server.
    const date = "Date: Wed, 01 Jan 2020 00:00:00 GMT\r\nRetry-After: Thu, 02 Jan 2020 00:00:00 GMT"
    for (const retryAfter of ["Retry-After: 86400", date]) {
      const { broken } = yield* checkLinks([`${(yield* limiter(0, retryAfter)).origin}/`])
      assert.deepStrictEqual(broken.map(({ detail }) => detail), ["the server answered 429, and asks to wait 1d"])
    }
  })

  live("holds no slot for a host that asks for time between requests, nor for one that asks for a pause", function*() {
    const times: Array<number> = []
    const polite = yield* serveRaw((socket, path) => {
      if (path !== "/robots.txt") times.push(performance.now())
      socket.end(respond("200 OK", path === "/robots.txt" ? "User-agent: *\nCrawl-delay: 1" : ""))
    })
    const limited = yield* limiter(1, "Retry-After: 1")
    const elsewhere = [1, 2, 3].flatMap((n) => [`${polite.origin}/${n}`, `${limited.origin}/${n}`])
    // Each page is known by the one before it only, so that it comes after all that waits.
    let last = 0
    const site = yield* serveRaw((socket, path) => {
      const page = Number(path.slice(1))
      if (page === 20) last = performance.now()
      socket.end(page < 20 ? linksTo(`/${page + 1}`, ...elsewhere) : respond(page === 20 ? "200 OK" : "404 No", ""))
    })
    // With one slot, which any wait would occupy.
    const { broken, ok } = yield* check(site.origin, { size: 1 })
    assert.deepStrictEqual([broken.length, ok.length], [0, 27])
    for (const [index, time] of times.slice(1).entries()) assert.isAbove(time - times[index]!, 900)
    assert.isBelow(last, times[2]!)
  })
})
