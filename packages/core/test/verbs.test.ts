import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Stream } from "effect"
import { GreenPile, GreenPool, type MapOptions, PoolFull, type Verbs } from "../src/index.ts"

const forms = [["a pool", GreenPool], ["its key", Effect.succeed<Verbs<GreenPool>>(GreenPool)]] as const

const provided = Effect.provide(GreenPool.layer({ size: 2 }))

const collect = Stream.runCollect

const twice = (n: number) => Effect.succeed(2 * n)

const evens = (n: number) => n % 2 === 0 ? Effect.succeed(n) : Effect.fail(`${n} is odd`)

const add = (a: number, b: number) => Effect.succeed(a + b)

/** What all of these streams come to is the same. */
const expectEach = <A, E, R>(expected: ReadonlyArray<A>, ...streams: ReadonlyArray<Stream.Stream<A, E, R>>) =>
  Effect.forEach(streams, (stream) => Effect.map(collect(stream), (all) => expect(all).toEqual(expected)))

describe.each(forms)("the verbs of %s", (_, verbsOf) => {
  type Body = (verbs: Verbs<GreenPool>) => Generator<Effect.Effect<unknown, unknown, GreenPool>, void>
  const test = (title: string, body: Body) =>
    it.effect(title, () => Effect.flatMap(verbsOf, Effect.fnUntraced(body)).pipe(provided, Effect.orDie))

  test("take a job data-first, data-last, and data-last with options", function*(pool) {
    const job = Effect.succeed(1)
    const options = { key: "k", priority: 1 }
    const key = { key: "k" }
    const { run, runIfAvailable, spawn, spawnIfAvailable, spawnN } = pool
    const runs = [run(job), run(job, options), job.pipe(run), job.pipe(run(options)), job.pipe(run({}))]
    expect(yield* Effect.all(runs)).toEqual(runs.map(() => 1))
    for (const spawned of [spawn(job, options), job.pipe(spawn), job.pipe(spawn(options))]) {
      expect(yield* Effect.flatMap(spawned, Fiber.join)).toBe(1)
    }
    for (const spawned of [spawnIfAvailable(job, key), job.pipe(spawnIfAvailable), job.pipe(spawnIfAvailable(key))]) {
      expect(yield* Fiber.join(Option.getOrThrow(yield* spawned))).toBe(1)
    }
    const available = [runIfAvailable(job, key), job.pipe(runIfAvailable), job.pipe(runIfAvailable(key))]
    expect(yield* Effect.all(available)).toEqual(available.map(() => Option.some(1)))
    let done = 0
    const note = Effect.sync(() => done++)
    yield* Effect.all([spawnN(note, options), note.pipe(spawnN), note.pipe(spawnN(options))])
    yield* pool.waitall
    expect(done).toBe(3)
  })

  test("heed the options in each form", function*({ run, spawn, spawnN }) {
    yield* Effect.forEach([1, 2], () => spawnN(Effect.never))
    const now = { maxWait: 0 }
    const job = Effect.void
    const runs = [run(job, now), job.pipe(run(now)), spawnN(job, now), job.pipe(spawnN(now))]
    for (const call of [...runs, spawn(job, now), job.pipe(spawn(now))]) {
      expect(yield* Effect.flip(call)).toBeInstanceOf(PoolFull)
    }
  })

  test("may be given an index and an array in place of options", function*(pool) {
    const jobs = [1, 2, 3].map(twice)
    expect(yield* Effect.forEach(jobs, pool.run)).toEqual([2, 4, 6])
    expect(yield* Effect.forEach(jobs, pool.run({ key: "k" }))).toEqual([2, 4, 6])
    expect(yield* Effect.all(jobs.map(pool.run))).toEqual([2, 4, 6])
    expect(yield* Effect.forEach(yield* Effect.all(jobs.map(pool.spawn)), Fiber.join)).toEqual([2, 4, 6])
    expect(yield* Effect.all(jobs.map(pool.runIfAvailable))).toEqual([2, 4, 6].map(Option.some))
  })

  test("map one source or several, data-first or data-last, with options or without", function*(pool) {
    const { imap, imapExit, imapUnordered, starmap } = pool
    const options = { concurrency: 2, window: (size: number) => size, key: "k", priority: 1 }
    const bare: MapOptions = Object.assign(Object.create(null) as object, options)
    const source = Stream.make(1, 2)
    const first = [options, bare, {}, undefined].map((options) => imap(twice, [1, 2], options))
    const last = [imap(twice), imap(twice, options), imap(twice, {}), imapUnordered(twice, options)]
    yield* expectEach([2, 4], imap(twice, [1, 2]), ...first, imapUnordered(twice, [1, 2], options))
    yield* expectEach([2, 4], ...last.map((map) => map(source)))
    const other = Stream.make(3, 4, 5)
    yield* expectEach([4, 6], imap(add, [1, 2], other), imap(add, [1, 2], other, options))
    const exits = [Exit.fail("1 is odd"), Exit.succeed(2)]
    yield* expectEach(exits, imapExit(evens, [1, 2], options), source.pipe(imapExit(evens, options)))
    const pairs = Stream.make([1, 2] as const, [3, 4] as const)
    const ofPairs = [pairs.pipe(starmap(add)), pairs.pipe(starmap(add, options))]
    yield* expectEach([3, 7], starmap(add, [[1, 2], [3, 4]], options), ...ofPairs)
    // Tuples for a function of fewer parameters.
    const rows: ReadonlyArray<readonly [number, string]> = [[1, "a"], [2, "b"]]
    const stream = Stream.fromIterable(rows)
    yield* expectEach([2, 4], starmap(twice, rows), starmap(twice, stream), stream.pipe(starmap(twice)))
  })

  test("heed the options of a map in each form", function*(pool) {
    const runningIn = () => Effect.andThen(Effect.yieldNow, pool.running)
    const one = { concurrency: 1 }
    expect(yield* collect(pool.imap(runningIn, [1, 2]))).toContain(2)
    yield* expectEach(
      [1, 1],
      pool.imap(runningIn, [1, 2], one),
      pool.imap(runningIn, [1, 2], [3, 4], one),
      Stream.make(1, 2).pipe(pool.imap(runningIn, one)),
      pool.starmap(runningIn, [[1], [2]], one),
      Stream.make([1], [2]).pipe(pool.starmap(runningIn, one))
    )
  })

  test(
    "emit results and exits as they happen, where they are unordered",
    function*({ imapExitUnordered, imapUnordered }) {
      const slowFirst = (n: number) => n === 1 ? Effect.andThen(Effect.yieldNow, evens(n)) : evens(n)
      const source = Stream.make(1, 2)
      const exits = [Exit.succeed(2), Exit.fail("1 is odd")]
      yield* expectEach(exits, imapExitUnordered(slowFirst, [1, 2]), source.pipe(imapExitUnordered(slowFirst)))
      const results = [imapUnordered(slowFirst, [1, 2]), source.pipe(imapUnordered(slowFirst))]
      yield* expectEach([2], ...results.map(Stream.take(1)))
    }
  )

  test("never take for options what stands where a source belongs, or is no plain object", function*(pool) {
    const last = [null, 123, new Date()].map((wrong) => [[1], wrong])
    const noSources = [[undefined], [Promise.resolve([1])], [new Date()], [{ concurrency: 1 }, [1]], ...last]
    const error = expect.objectContaining({ message: expect.stringContaining("A source must be") })
    for (const args of [...noSources, [[1], undefined, {}]]) {
      for (const verb of ["imap", "imapUnordered", "imapExit", "imapExitUnordered"] as const) {
        const map = pool[verb] as (...args: ReadonlyArray<unknown>) => Stream.Stream<unknown, never, GreenPool>
        expect(yield* Effect.exit(collect(map(() => Effect.void, ...args)))).toEqual(Exit.die(error))
      }
    }
  })

  test("tell the keys in use, none so far", function*(pool) {
    expect(yield* pool.keys).toEqual([])
  })
})

it.effect("spawn of a pile takes a job as the verbs do, and heeds the options in each form", () =>
  Effect.gen(function*() {
    const pile = yield* GreenPile.make<number>(yield* GreenPool)
    yield* pile.spawn(twice(1))
    yield* pile.spawn(twice(2), { key: "k" })
    yield* twice(3).pipe(pile.spawn)
    yield* twice(4).pipe(pile.spawn({ priority: 1 }))
    yield* Effect.forEach([twice(5), twice(6)], pile.spawn)
    expect(yield* collect(pile.results)).toEqual([2, 4, 6, 8, 10, 12])
    yield* Effect.forEach([1, 2], () => pile.spawn(Effect.never))
    expect(yield* Effect.flip(pile.spawn(twice(1), { maxWait: 0 }))).toBeInstanceOf(PoolFull)
    expect(yield* Effect.flip(twice(1).pipe(pile.spawn({ maxWait: 0 })))).toBeInstanceOf(PoolFull)
  }).pipe(provided, Effect.orDie))
