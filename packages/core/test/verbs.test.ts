import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Stream } from "effect"
import { GreenPile, GreenPool, type MapOptions, PoolFull, type Verbs } from "../src/index.ts"

const forms: ReadonlyArray<
  { readonly form: string; readonly verbsOf: Effect.Effect<Verbs<GreenPool>, never, GreenPool> }
> = [
  { form: "a pool", verbsOf: GreenPool },
  { form: "its key", verbsOf: Effect.succeed(GreenPool) }
]

const provided = Effect.provide(GreenPool.layer({ size: 2 }))

const collect = Stream.runCollect

const twice = (n: number) => Effect.succeed(2 * n)

const evens = (n: number) => n % 2 === 0 ? Effect.succeed(n) : Effect.fail(`${n} is odd`)

const add = (a: number, b: number) => Effect.succeed(a + b)

describe.each(forms)("the verbs of $form", ({ verbsOf }) => {
  const test = (title: string, body: (verbs: Verbs<GreenPool>) => Effect.Effect<void, unknown, GreenPool>) =>
    it.effect(title, () => Effect.flatMap(verbsOf, body).pipe(provided, Effect.orDie))

  test("take a job data-first, data-last, and data-last with options", (pool) =>
    Effect.gen(function*() {
      const job = Effect.succeed(1)
      const options = { key: "k", priority: 1 }
      expect([yield* pool.run(job), yield* job.pipe(pool.run), yield* job.pipe(pool.run(options))]).toEqual([1, 1, 1])
      expect([yield* pool.run(job, options), yield* job.pipe(pool.run({}))]).toEqual([1, 1])
      for (const spawned of [pool.spawn(job, options), job.pipe(pool.spawn), job.pipe(pool.spawn(options))]) {
        expect(yield* Effect.flatMap(spawned, Fiber.join)).toBe(1)
      }
      const done: Array<number> = []
      const note = (n: number) => Effect.sync(() => void done.push(n))
      yield* pool.spawnN(note(1), options)
      yield* note(2).pipe(pool.spawnN)
      yield* note(3).pipe(pool.spawnN(options))
      yield* pool.waitall
      expect(done).toEqual([1, 2, 3])
      const key = { key: "k" }
      for (
        const ran of [pool.runIfAvailable(job, key), job.pipe(pool.runIfAvailable), job.pipe(pool.runIfAvailable(key))]
      ) {
        expect(yield* ran).toEqual(Option.some(1))
      }
      for (const spawned of [pool.spawnIfAvailable(job, key), job.pipe(pool.spawnIfAvailable(key))]) {
        expect(yield* Fiber.join(Option.getOrThrow(yield* spawned))).toBe(1)
      }
    }))

  test("heed the options in each form", (pool) =>
    Effect.gen(function*() {
      yield* Effect.forEach([1, 2], () => pool.spawnN(Effect.never))
      const now = { maxWait: 0 }
      for (
        const call of [
          pool.run(Effect.void, now),
          Effect.void.pipe(pool.run(now)),
          pool.spawn(Effect.void, now),
          Effect.void.pipe(pool.spawn(now)),
          pool.spawnN(Effect.void, now),
          Effect.void.pipe(pool.spawnN(now))
        ]
      ) {
        expect(yield* Effect.flip(call)).toBeInstanceOf(PoolFull)
      }
    }))

  test("may be given an index and an array in place of options", (pool) =>
    Effect.gen(function*() {
      const jobs = [1, 2, 3].map(twice)
      expect(yield* Effect.forEach(jobs, pool.run)).toEqual([2, 4, 6])
      expect(yield* Effect.forEach(jobs, pool.run, { concurrency: "unbounded" })).toEqual([2, 4, 6])
      expect(yield* Effect.forEach(jobs, pool.run({ key: "k" }))).toEqual([2, 4, 6])
      expect(yield* Effect.all(jobs.map(pool.run))).toEqual([2, 4, 6])
      const fibers = yield* Effect.all(jobs.map(pool.spawn))
      expect(yield* Effect.forEach(fibers, Fiber.join)).toEqual([2, 4, 6])
      expect(yield* Effect.all(jobs.map(pool.runIfAvailable))).toEqual([2, 4, 6].map(Option.some))
    }))

  test("take a generic job", (pool) =>
    Effect.gen(function*() {
      const limited = <F extends Effect.Effect<any, any, any>>(job: F) => pool.run(job)
      expect(yield* limited(twice(2))).toBe(4)
    }))

  test("map one source or several, data-first, with options or without", (pool) =>
    Effect.gen(function*() {
      const options = { concurrency: 2, window: (size: number) => size, key: "k", priority: 1 }
      expect(yield* collect(pool.imap(twice, [1, 2]))).toEqual([2, 4])
      expect(yield* collect(pool.imap(twice, [1, 2], options))).toEqual([2, 4])
      expect(yield* collect(pool.imap(twice, [1, 2], {}))).toEqual([2, 4])
      expect(yield* collect(pool.imap(twice, [1, 2], undefined))).toEqual([2, 4])
      expect(yield* collect(pool.imap(add, [1, 2], Stream.make(3, 4, 5)))).toEqual([4, 6])
      expect(yield* collect(pool.imap(add, [1, 2], Stream.make(3, 4, 5), options))).toEqual([4, 6])
      expect((yield* collect(pool.imapUnordered(twice, [1, 2], options))).sort()).toEqual([2, 4])
      expect(yield* collect(pool.imapExit(evens, [1, 2], options))).toEqual([Exit.fail("1 is odd"), Exit.succeed(2)])
      expect(yield* collect(pool.starmap(add, [[1, 2], [3, 4]], options))).toEqual([3, 7])
      const bare: MapOptions = Object.assign(Object.create(null) as object, options)
      expect(yield* collect(pool.imap(twice, [1, 2], bare))).toEqual([2, 4])
    }))

  test("map one stream data-last, with options or without", (pool) =>
    Effect.gen(function*() {
      const source = Stream.make(1, 2)
      const options = { concurrency: 2 }
      expect(yield* collect(source.pipe(pool.imap(twice)))).toEqual([2, 4])
      expect(yield* collect(source.pipe(pool.imap(twice, options)))).toEqual([2, 4])
      expect(yield* collect(source.pipe(pool.imap(twice, {})))).toEqual([2, 4])
      expect((yield* collect(source.pipe(pool.imapUnordered(twice, options)))).sort()).toEqual([2, 4])
      expect(yield* collect(source.pipe(pool.imapExit(evens, options)))).toEqual([
        Exit.fail("1 is odd"),
        Exit.succeed(2)
      ])
      const pairs = Stream.make([1, 2] as const, [3, 4] as const)
      expect(yield* collect(pairs.pipe(pool.starmap(add)))).toEqual([3, 7])
      expect(yield* collect(pairs.pipe(pool.starmap(add, options)))).toEqual([3, 7])
    }))

  test("heed the options of a map in each form", (pool) =>
    Effect.gen(function*() {
      const runningIn = () => Effect.andThen(Effect.yieldNow, pool.running)
      const one = { concurrency: 1 }
      expect(yield* collect(pool.imap(runningIn, [1, 2]))).toContain(2)
      expect(yield* collect(pool.imap(runningIn, [1, 2], one))).toEqual([1, 1])
      expect(yield* collect(pool.imap(runningIn, [1, 2], [3, 4], one))).toEqual([1, 1])
      expect(yield* collect(Stream.make(1, 2).pipe(pool.imap(runningIn, one)))).toEqual([1, 1])
      expect(yield* collect(pool.starmap(runningIn, [[1], [2]], one))).toEqual([1, 1])
      expect(yield* collect(Stream.make([1], [2]).pipe(pool.starmap(runningIn, one)))).toEqual([1, 1])
    }))

  test("emit exits as they happen", (pool) =>
    Effect.gen(function*() {
      const slowFirst = (n: number) => n === 1 ? Effect.andThen(Effect.yieldNow, evens(n)) : evens(n)
      const exits = [Exit.succeed(2), Exit.fail("1 is odd")]
      expect(yield* collect(pool.imapExitUnordered(slowFirst, [1, 2]))).toEqual(exits)
      expect(yield* collect(Stream.make(1, 2).pipe(pool.imapExitUnordered(slowFirst)))).toEqual(exits)
    }))

  test("spread tuples over functions of fewer parameters", (pool) =>
    Effect.gen(function*() {
      const rows = Stream.map(Stream.make(1, 2), (n) => [n, "text"] as const)
      expect(yield* collect(pool.starmap(twice, [[1, "a"], [2, "b"]]))).toEqual([2, 4])
      expect(yield* collect(pool.starmap(twice, rows))).toEqual([2, 4])
      expect(yield* collect(rows.pipe(pool.starmap(twice)))).toEqual([2, 4])
    }))

  test("take an object for a source if it can be iterated, also as the last argument", (pool) =>
    Effect.gen(function*() {
      const iterable: Iterable<number> = { [Symbol.iterator]: () => [1, 2].values() }
      const asyncIterable: AsyncIterable<number> = {
        async *[Symbol.asyncIterator]() {
          yield* [1, 2]
        }
      }
      expect(yield* collect(pool.imap(twice, iterable))).toEqual([2, 4])
      expect(yield* collect(pool.imap(add, iterable, asyncIterable))).toEqual([2, 4])
    }))

  test("never take for options what stands where a source belongs, or is no plain object", (pool) =>
    Effect.gen(function*() {
      const noSources: ReadonlyArray<ReadonlyArray<unknown>> = [
        [null],
        [undefined],
        [undefined, [1]],
        [123],
        [Promise.resolve([1])],
        [new Date()],
        [{}, [1]],
        [{ concurrency: 1 }, [1]],
        [[1], undefined, {}],
        [[1], null],
        [[1], 123],
        [[1], new Date()]
      ]
      for (const args of noSources) {
        const wrong = args as unknown as [Iterable<number>]
        for (
          const stream of [
            pool.imap(() => Effect.void, ...wrong),
            pool.imapUnordered(() => Effect.void, ...wrong),
            pool.imapExit(() => Effect.void, ...wrong),
            pool.imapExitUnordered(() => Effect.void, ...wrong)
          ]
        ) {
          expect(yield* Effect.exit(collect<unknown, never, GreenPool>(stream))).toEqual(
            Exit.die(expect.objectContaining({ message: expect.stringContaining("A source must be") }))
          )
        }
      }
    }))

  test("tell the keys in use, none so far", (pool) =>
    Effect.gen(function*() {
      expect(yield* pool.keys).toEqual([])
    }))
})

describe("spawn of a pile", () => {
  it.effect("takes a job as the verbs do", () =>
    Effect.gen(function*() {
      const pile = yield* GreenPile.make<number>(yield* GreenPool)
      yield* pile.spawn(twice(1))
      yield* pile.spawn(twice(2), { key: "k" })
      yield* twice(3).pipe(pile.spawn)
      yield* twice(4).pipe(pile.spawn({ priority: 1 }))
      yield* Effect.forEach([twice(5), twice(6)], pile.spawn)
      expect(yield* collect(pile.results)).toEqual([2, 4, 6, 8, 10, 12])
    }).pipe(provided, Effect.orDie))

  it.effect("heeds the options in each form", () =>
    Effect.gen(function*() {
      const pile = yield* GreenPile.make<number>(1)
      yield* pile.spawn(Effect.never)
      expect(yield* Effect.flip(pile.spawn(twice(1), { maxWait: 0 }))).toBeInstanceOf(PoolFull)
      expect(yield* Effect.flip(twice(1).pipe(pile.spawn({ maxWait: 0 })))).toBeInstanceOf(PoolFull)
    }))
})
