/**
 * The life of a map's source: the fiber it is pulled in, and how it is told that its reader has ended.
 */
import { describe, expect, it } from "@effect/vitest"
import { type Cause, Deferred, Effect, Exit, Fiber, Queue, Scope, Stream } from "effect"
import type { GreenPool } from "../src/index.ts"
import { expectEmpty } from "./support/counters.ts"
import { isInterrupted } from "./support/exits.ts"
import { forkNow } from "./support/forkNow.ts"
import { makeClosable, makePool } from "./support/makePool.ts"
import { upTo } from "./support/sizes.ts"
import { Stage } from "./support/stage.ts"
import { atRest, turns } from "./support/turns.ts"
import { mapOf, verbs } from "./support/verbs.ts"

/** The items 1 to 9, one at a time, and the exits that their finalizer sees. */
const watched = () => {
  const seen: Array<Exit.Exit<unknown, unknown>> = []
  const stream = Stream.range(1, 9).pipe(
    Stream.rechunk(1),
    Stream.onExit((exit) => Effect.sync(() => seen.push(exit)))
  )
  return { seen, stream }
}

const failOn = (bad: number) => (item: number) => item === bad ? Effect.fail(`no ${item}`) : Effect.succeed(item)

describe.each(verbs)("the source of %s is told", (verb) => {
  type Mapped = Stream.Stream<unknown, string>
  type Job = (item: number) => Effect.Effect<number, string>

  /** What the source is told when `read` reads its map. */
  const told = (read: (stream: Mapped) => Effect.Effect<unknown, unknown>, job: Job = Effect.succeed, size = 1) =>
    Effect.gen(function*() {
      const pool = yield* makePool(size)
      const { seen, stream } = watched()
      yield* Effect.exit(read(mapOf(pool, verb)(job, stream)))
      expect(seen).toHaveLength(1)
      return seen[0]
    })

  it.effect("the failure of a job, which ends the map, and that of the reader", () =>
    Effect.gen(function*() {
      expect(yield* told(Stream.runDrain, failOn(2))).toEqual(verb === "imapExit" ? Exit.void : Exit.fail("no 2"))
      expect(yield* told(Stream.runForEach(() => Effect.fail("reader")))).toEqual(Exit.fail("reader"))
    }))

  it.effect("success at the end and where the reader stops early, interruption where that is interrupted", () =>
    Effect.gen(function*() {
      expect((yield* told(Stream.runDrain))?._tag).toBe("Success")
      expect((yield* told(Stream.runHead))?._tag).toBe("Success")
      // That interrupts what is in flight, which is no failure of the map.
      const first = (item: number) => item === 1 ? Effect.succeed(item) : Effect.never
      expect((yield* told(Stream.runHead, first, 2))?._tag).toBe("Success")
      const interrupted = (stream: Mapped) =>
        Effect.flatMap(
          Effect.forkChild(Stream.runDrain(stream)),
          (reader) => Effect.andThen(atRest, Fiber.interrupt(reader))
        )
      expect(isInterrupted(yield* told(interrupted, () => Effect.never))).toBe(true)
    }))

  it.effect.each([true, false])(
    "interruption where the pool closes, whether the reader reads on after that or not: %s",
    (readsOn) =>
      Effect.gen(function*() {
        const { close, pool } = yield* makeClosable({ size: 2 })
        const { seen, stream } = watched()
        const scope = yield* Scope.make()
        const pull = yield* Scope.provide(Stream.toPull(mapOf(pool, verb)(Effect.succeed, stream)), scope)
        yield* pull
        yield* close
        if (readsOn) yield* Effect.exit(pull)
        yield* Scope.close(scope, Exit.void)
        expect(seen.map(isInterrupted)).toEqual([true])
      })
  )
})

describe("a source is told", () => {
  it.effect("of a failed job whose result the reader has not come to: it must not commit", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(4)
      const { seen, stream } = watched()
      const job = (item: number) => item === 1 ? Effect.never : failOn(2)(item)
      yield* Effect.scoped(Effect.gen(function*() {
        const pull = yield* Stream.toPull(pool.imap(job, stream))
        const reading = yield* Effect.forkChild(pull)
        yield* atRest
        yield* Fiber.interrupt(reading)
      }))
      expect(seen).toEqual([Exit.fail("no 2")])
    }))

  it.effect("of the failure of another that it is zipped with", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const { seen, stream } = watched()
      const failing = Stream.concat(Stream.make(1), Stream.fail("other"))
      const exit = yield* Effect.exit(Stream.runDrain(pool.imap((a: number) => Effect.succeed(a), stream, failing)))
      expect([exit, ...seen]).toEqual([Exit.fail("other"), Exit.fail("other")])
    }))

  it.effect("after the jobs have ended, which may use what it holds", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const stage = new Stage()
      const source = Stream.concat(Stream.make(1), Stream.never).pipe(
        Stream.onExit(() => Effect.sync(() => stage.note("source closed")))
      )
      const job = Effect.ensuring(Effect.never, stage.job("finalizer"))
      const reader = yield* Effect.forkChild(Stream.runDrain(pool.imap(() => job, source)))
      yield* atRest
      const closing = yield* Effect.forkChild(Fiber.interrupt(reader))
      yield* atRest
      expect(stage.events).toEqual(["finalizer starts"])
      yield* stage.finishAll
      yield* Fiber.join(closing)
      expect(stage.events.slice(1)).toEqual(["finalizer ends", "source closed"])
    }))
})

describe("a failure is kept where the close of the source fails as well, and comes first", () => {
  const failures = (exit: Exit.Exit<unknown, unknown>): Array<unknown> =>
    exit._tag === "Success"
      ? []
      : exit.cause.reasons.flatMap((reason) =>
        reason._tag === "Fail" ? [reason.error] : reason._tag === "Die" ? [reason.defect] : []
      )
  const closing = (what: string) => Stream.make(2, 3).pipe(Stream.ensuring(Effect.die(what)))
  const iterator = {
    next: () => ({ done: false, value: 2 }),
    return: () => {
      throw "close"
    }
  }
  const asyncIterator = {
    next: () => Promise.resolve({ done: false, value: 2 }),
    return: () => Promise.reject("close")
  }

  it.live.each<[string, (pool: GreenPool) => Stream.Stream<unknown, unknown>, ReadonlyArray<string>]>([
    ["a stream", (pool) => pool.imap(failOn(2), closing("close")), ["close"]],
    ["an iterable", (pool) => pool.imap(failOn(2), { [Symbol.iterator]: () => iterator }), ["close"]],
    ["an async iterable", (pool) => pool.imap(failOn(2), { [Symbol.asyncIterator]: () => asyncIterator }), ["close"]],
    [
      "several that are zipped",
      (pool) => pool.imap((a: number) => failOn(2)(a), closing("close a"), closing("close b")),
      ["close b", "close a"]
    ]
  ])("%s", ([, map, closed]) =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Stream.runDrain(map(yield* makePool(1))))
      expect(failures(exit)).toEqual(["no 2", ...closed])
    }))
})

describe("all pulls of a source run in one fiber, which lives as long as the map", () => {
  it.effect("so that what the source forks goes on between pulls and ends with the map", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      let ended = 0
      const source = Stream.unwrap(Effect.gen(function*() {
        const queue = yield* Queue.bounded<number, Cause.Done>(1)
        const feed = Effect.forEach([1, 2, 3, 4, 5], (item) => Effect.andThen(Queue.offer(queue, item), turns(3)))
        yield* Effect.forkChild(
          Effect.ensuring(
            Effect.andThen(Effect.andThen(feed, Queue.end(queue)), Effect.never),
            Effect.sync(() => ended++)
          )
        )
        return Stream.fromQueue(queue)
      }))
      expect(yield* Stream.runCollect(pool.imap((item) => Effect.succeed(item * 10), source)))
        .toEqual([10, 20, 30, 40, 50])
      expect(ended).toBe(1)
    }))

  it.live.each(["a stream", "an async iterable"])("of %s", (kind) =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const fibers = new Set<unknown>()
      const note = <A>(value: A): A => {
        fibers.add(Fiber.getCurrent())
        return value
      }
      let item = 0
      const iterator = { next: () => Promise.resolve(note({ done: ++item > 20, value: item })) }
      const source = kind === "a stream"
        ? Stream.range(1, 20).pipe(Stream.rechunk(1), Stream.map(note))
        : { [Symbol.asyncIterator]: () => iterator }
      const read = yield* Stream.runCollect(pool.imap((item) => Effect.as(Effect.yieldNow, item), source))
      expect([read.length, fibers.size]).toEqual([20, 1])
    }))

  it.live("a map over a map over a map … is bounded by memory, not by the stack", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      let stream: Stream.Stream<number> = Stream.make(1, 2, 3)
      for (let i = 0; i < 5000; i++) stream = pool.imap((item: number) => Effect.sync(() => item + 1), stream)
      expect(yield* Stream.runCollect(stream)).toEqual([5001, 5002, 5003])
      expect(yield* Stream.runCollect(Stream.take(stream, 1))).toEqual([5001])
      yield* expectEmpty(pool)
    }))
})

describe("the fiber that fills the window", () => {
  it.effect("ends the map with interruption when `f` interrupts it after a wait", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const gate = yield* Deferred.make<void>()
      yield* pool.spawn(Deferred.await(gate))
      const job = (n: number) => {
        if (n === 1) Fiber.getCurrent()!.interruptUnsafe()
        return Effect.as(Effect.yieldNow, n)
      }
      const reader = yield* forkNow(Stream.runCollect(pool.imap(job, [1, 2, 3])))
      const other = yield* forkNow(pool.run(Effect.yieldNow))
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(other)
      expect(isInterrupted(yield* Fiber.await(reader))).toBe(true)
      yield* expectEmpty(pool)
    }))

  it.effect("ends the map with interruption when the source interrupts it", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const source = Stream.fromEffectRepeat(Effect.withFiber((fiber) => {
        fiber.interruptUnsafe()
        return Effect.succeed(1)
      }))
      expect(isInterrupted(yield* Effect.exit(Stream.runDrain(pool.imap(() => Effect.never, source))))).toBe(true)
      yield* expectEmpty(pool)
    }))

  const jobs = [Effect.succeed, (n: number) => Effect.sync(() => n), (n: number) => Effect.as(Effect.void, n)]

  it.live.each([1, 100, 20_000].flatMap((size) => jobs.map((job) => [size, job] as const)))(
    "lets others have their turn while jobs end in their first step, at size %i",
    ([size, job]) =>
      Effect.gen(function*() {
        const pool = yield* makePool(size)
        const count = 20_000
        let done = 0
        let over = false
        const seen: Array<number> = []
        const look = (): void => {
          seen.push(done)
          if (!over) setImmediate(look)
        }
        setImmediate(look)
        const map = pool.imapUnordered((item: number) => {
          done++
          return job(item)
        }, upTo(count))
        yield* Stream.runDrain(map)
        over = true
        const stretches = [...seen, count].map((at, index) => at - (seen[index - 1] ?? 0))
        expect(Math.max(...stretches)).toBeLessThanOrEqual(4 * 2048)
      })
  )
})
