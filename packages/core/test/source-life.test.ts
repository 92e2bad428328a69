/**
 * The life of a map's source: the fiber it is pulled in, and how it is told that its reader has ended.
 */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Queue, Scope, Stream } from "effect"
import type { GreenPool } from "../src/index.ts"
import { expectEmpty } from "./support/counters.ts"
import { makePool } from "./support/makePool.ts"
import { atRest, turns } from "./support/turns.ts"

const verbs = ["imap", "imapUnordered", "imapExit"] as const

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
  const mapped = (pool: GreenPool, f: (item: number) => Effect.Effect<number, string>, source: Stream.Stream<number>) =>
    (pool[verb] as GreenPool["imap"])(f, source) as Stream.Stream<unknown, string>

  it.effect("the failure of a job, which ends the map", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const { seen, stream } = watched()
      yield* Effect.exit(Stream.runDrain(mapped(pool, failOn(2), stream)))
      expect(seen).toEqual([verb === "imapExit" ? Exit.void : Exit.fail("no 2")])
    }))

  it.effect("success at the end and where the reader stops early", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      for (const read of [Stream.runDrain, (stream: Stream.Stream<unknown, string>) => Stream.runHead(stream)]) {
        const { seen, stream } = watched()
        yield* read(mapped(pool, Effect.succeed, stream))
        expect(seen.map((exit) => exit._tag)).toEqual(["Success"])
      }
    }))

  it.effect("the failure of the reader", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const { seen, stream } = watched()
      yield* Effect.exit(Stream.runForEach(mapped(pool, Effect.succeed, stream), () => Effect.fail("reader")))
      expect(seen).toEqual([Exit.fail("reader")])
    }))

  it.effect("interruption where the reader is interrupted", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const { seen, stream } = watched()
      const reader = yield* Effect.forkChild(Stream.runDrain(mapped(pool, () => Effect.never, stream)))
      yield* atRest
      yield* Fiber.interrupt(reader)
      expect(seen.map((exit) => Exit.hasInterrupts(exit))).toEqual([true])
    }))

  it.effect("interruption where the pool closes, also where the reader stops early after that", () =>
    Effect.gen(function*() {
      for (const readsOn of [true, false]) {
        const poolScope = yield* Scope.make()
        const pool = yield* Scope.provide(makePool(2), poolScope)
        const { seen, stream } = watched()
        const scope = yield* Scope.make()
        const pull = yield* Scope.provide(Stream.toPull(mapped(pool, Effect.succeed, stream)), scope)
        yield* pull
        yield* Scope.close(poolScope, Exit.void)
        if (readsOn) expect(Exit.hasInterrupts(yield* Effect.exit(pull))).toBe(true)
        yield* Scope.close(scope, Exit.void)
        expect(seen.map((exit) => Exit.hasInterrupts(exit))).toEqual([true])
      }
    }))
})

describe("a source is told", () => {
  it.effect("of a failed job whose result the reader has not come to: it must not commit", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(4)
      const { seen, stream } = watched()
      yield* Effect.scoped(Effect.gen(function*() {
        const pull = yield* Stream.toPull(
          pool.imap((item) => item === 1 ? Effect.never : failOn(2)(item), stream)
        )
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
      expect(exit).toEqual(Exit.fail("other"))
      expect(seen).toEqual([Exit.fail("other")])
    }))

  it.effect("after the jobs have ended, which may use what it holds", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const events: Array<string> = []
      const release = yield* Deferred.make<void>()
      const source = Stream.concat(Stream.make(1), Stream.never).pipe(
        Stream.onExit(() => Effect.sync(() => events.push("source closed")))
      )
      const job = Effect.never.pipe(
        Effect.ensuring(Effect.andThen(Deferred.await(release), Effect.sync(() => events.push("job ended"))))
      )
      const reader = yield* Effect.forkChild(Stream.runDrain(pool.imap(() => job, source)))
      yield* atRest
      const closing = yield* Effect.forkChild(Fiber.interrupt(reader))
      yield* atRest
      expect(events).toEqual([])
      yield* Deferred.succeed(release, undefined)
      yield* Fiber.join(closing)
      expect(events).toEqual(["job ended", "source closed"])
    }))
})

describe("a failure is kept where the close of the source fails as well, and comes first", () => {
  const failures = (exit: Exit.Exit<unknown, unknown>): Array<unknown> =>
    exit._tag === "Success"
      ? []
      : exit.cause.reasons.flatMap((reason) =>
        reason._tag === "Fail" ? [reason.error] : reason._tag === "Die" ? [reason.defect] : []
      )
  const iterable = (onReturn: () => IteratorResult<number>): Iterable<number> => ({
    [Symbol.iterator]: () => ({ next: () => ({ done: false, value: 2 }), return: onReturn })
  })
  const asyncIterable = (onReturn: () => Promise<IteratorResult<number>>): AsyncIterable<number> => ({
    [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve({ done: false, value: 2 }), return: onReturn })
  })
  const sources = {
    "a stream": Stream.make(2, 3).pipe(Stream.ensuring(Effect.die("close"))),
    "an iterable": iterable(() => {
      throw "close"
    }),
    "an async iterable": asyncIterable(() => Promise.reject("close"))
  }
  it.live.each(Object.entries(sources))("%s", ([, source]) =>
    Effect.scoped(Effect.gen(function*() {
      const pool = yield* makePool(1)
      const exit = yield* Effect.exit(Stream.runDrain(pool.imap(failOn(2), source as Iterable<number>)))
      expect(failures(exit)).toEqual(["no 2", "close"])
    })))

  it.effect("several that are zipped", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const closing = (what: string) => Stream.make(2, 3).pipe(Stream.ensuring(Effect.die(what)))
      const exit = yield* Effect.exit(
        Stream.runDrain(pool.imap((a: number) => failOn(2)(a), closing("close a"), closing("close b")))
      )
      expect(failures(exit)).toEqual(["no 2", "close b", "close a"])
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
          Effect.andThen(feed, Queue.end(queue)).pipe(
            Effect.andThen(Effect.never),
            Effect.ensuring(
              Effect.sync(() => ended++)
            )
          )
        )
        return Stream.fromQueue(queue)
      }))
      expect(yield* Stream.runCollect(pool.imap((item) => Effect.succeed(item * 10), source)))
        .toEqual([10, 20, 30, 40, 50])
      expect(ended).toBe(1)
    }))

  it.live.each(["a stream", "an async iterable"])("of %s", (kind) =>
    Effect.scoped(Effect.gen(function*() {
      const pool = yield* makePool(2)
      const fibers = new Set<unknown>()
      const note = <A>(value: A): A => {
        fibers.add(Fiber.getCurrent())
        return value
      }
      let item = 0
      const iterator = {
        next: () => Promise.resolve(note({ done: ++item > 20, value: item }))
      }
      const source = kind === "a stream"
        ? Stream.range(1, 20).pipe(Stream.rechunk(1), Stream.map(note))
        : { [Symbol.asyncIterator]: () => iterator }
      const read = yield* Stream.runCollect(pool.imap((item) => Effect.as(Effect.yieldNow, item), source))
      expect(read).toHaveLength(20)
      expect(fibers.size).toBe(1)
    })))

  it.live(
    "a map over a map over a map … is bounded by memory, not by the stack",
    () =>
      Effect.scoped(Effect.gen(function*() {
        const pool = yield* makePool(2)
        let stream: Stream.Stream<number> = Stream.make(1, 2, 3)
        for (let i = 0; i < 10_000; i++) stream = pool.imap((item: number) => Effect.sync(() => item + 1), stream)
        expect(yield* Stream.runCollect(stream)).toEqual([10_001, 10_002, 10_003])
        expect(yield* Stream.runCollect(Stream.take(stream, 1))).toEqual([10_001])
        yield* expectEmpty(pool)
      }))
  )
})

describe("the fiber that fills the window", () => {
  it.effect("ends the map with interruption when `f` interrupts it after a wait", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const gate = yield* Deferred.make<void>()
      yield* pool.spawn(Deferred.await(gate))
      const reader = yield* Effect.forkChild(
        Stream.runCollect(pool.imap((n: number) => {
          if (n === 1) Fiber.getCurrent()!.interruptUnsafe()
          return Effect.as(Effect.yieldNow, n)
        }, [1, 2, 3])),
        { startImmediately: true }
      )
      const other = yield* Effect.forkChild(pool.run(Effect.yieldNow), { startImmediately: true })
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(other)
      expect(Exit.hasInterrupts(yield* Fiber.await(reader))).toBe(true)
      yield* expectEmpty(pool)
    }))

  it.effect("ends the map with interruption when the source interrupts it", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const source = Stream.fromEffectRepeat(Effect.withFiber((fiber) => {
        fiber.interruptUnsafe()
        return Effect.succeed(1)
      }))
      const exit = yield* Effect.exit(Stream.runDrain(pool.imap(() => Effect.never, source)))
      expect(Exit.hasInterrupts(exit)).toBe(true)
      yield* expectEmpty(pool)
    }))

  it.live.each([1, 100, 1000])(
    "lets others have their turn while jobs end in their first step, at size %i",
    (size) =>
      Effect.scoped(Effect.gen(function*() {
        const pool = yield* makePool(size)
        const count = 20_000
        const jobs = [Effect.succeed, (n: number) => Effect.sync(() => n), (n: number) => Effect.as(Effect.void, n)]
        for (const job of jobs) {
          let done = 0
          const seen: Array<number> = []
          let over = false
          const look = (): void => {
            seen.push(done)
            if (!over) setImmediate(look)
          }
          setImmediate(look)
          const items = Array.from({ length: count }, (_, item) => item)
          yield* Stream.runDrain(pool.imapUnordered((item: number) => {
            done++
            return job(item)
          }, items))
          over = true
          const stretches = [...seen, count].map((at, index) => at - (seen[index - 1] ?? 0))
          expect(Math.max(...stretches)).toBeLessThanOrEqual(4 * 2048)
          yield* turns(2)
        }
      }))
  )
})

describe("a source that isn't one", () => {
  it.effect.each<ReadonlyArray<unknown>>([[undefined], [undefined, [1]], [[1], undefined, [1]], [123], [null], [{}]])(
    "is a defect: %j",
    (sources) =>
      Effect.gen(function*() {
        const pool = yield* makePool(1)
        const map = pool.imap as (f: unknown, ...sources: ReadonlyArray<unknown>) => Stream.Stream<unknown>
        const exit = yield* Effect.exit(Stream.runCollect(map(() => Effect.void, ...sources)))
        expect(Exit.isFailure(exit) && Cause.hasDies(exit.cause)).toBe(true)
      })
  )
})

describe("a map that is begun outside and pulled inside a job", () => {
  it.effect("belongs to the job around the reader: it borrows that job's slot", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const pull = yield* Stream.toPull(pool.imap((i: number) => Effect.sync(() => i), [1, 2, 3]))
      expect(yield* pool.run(pull)).toEqual([1])
      expect(yield* pull).toEqual([2])
      expect(yield* pool.run(pull)).toEqual([3])
    }))
})
