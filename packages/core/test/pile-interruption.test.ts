import { describe, expect, it, vi } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Option, Scope, Stream } from "effect"
import { toInternal } from "../src/GreenPool.ts"
import { GreenPile, type GreenPool } from "../src/index.ts"
import { expectEmpty } from "./support/counters.ts"
import { forkNow } from "./support/forkNow.ts"
import { sweep } from "./support/interruption-sweep.ts"
import { makePool } from "./support/makePool.ts"
import { MapJobs } from "./support/map-jobs.ts"
import { atRest, turns } from "./support/turns.ts"
import { World } from "./support/world.ts"

// Thousands of runs.
vi.setConfig({ testTimeout: 30_000 })

const total = 5

/** What the job `item` comes to: one of them fails. */
const outcome = (item: number): string => item === 2 ? "failure 2" : `success ${item}`

const outcomes = Array.from({ length: total }, (_, item) => outcome(item))

const job = (item: number): Effect.Effect<number, number> =>
  Effect.andThen(turns((item * 2) % 3), item === 2 ? Effect.fail(item) : Effect.succeed(item))

const describeExit = (exit: Exit.Exit<number, number>): string =>
  Exit.match(exit, {
    onSuccess: (item) => `success ${item}`,
    onFailure: (cause) => `failure ${Cause.squash(cause)}`
  })

const makePile = (world: World, pool: GreenPool): GreenPile<number, number> =>
  world.get(Effect.provideService(GreenPile.make<number, number>(pool), Scope.Scope, world.scope).pipe(Effect.orDie))

const spawnAll = (pile: GreenPile<number, number>, spawned: Array<number> = []): Effect.Effect<void> =>
  Effect.suspend(() => {
    const item = spawned.length
    if (item === total) return Effect.void
    return Effect.flatMap(pile.spawn(job(item)), () => {
      spawned.push(item)
      return spawnAll(pile, spawned)
    })
  })

/** Reads with `next` until there is no more; notes each result in the very step that gives it. */
const readAll = (pile: GreenPile<number, number>, received: Array<string>): Effect.Effect<void> =>
  Effect.flatten(Effect.matchCause(pile.next, {
    onSuccess: (result) => {
      if (Option.isNone(result)) return Effect.void
      received.push(`success ${result.value}`)
      return readAll(pile, received)
    },
    onFailure: (cause) => {
      if (Cause.hasInterrupts(cause)) return Effect.interrupt
      received.push(`failure ${Cause.squash(cause)}`)
      return readAll(pile, received)
    }
  }))

/** Reads the exits of all that is outstanding. */
const rest = (world: World, pile: GreenPile<number, number>): Array<string> =>
  world.get(Stream.runCollect(pile.exits)).map(describeExit)

describe("an interruption at any point of a reader", () => {
  it.each([1, 2, 10])(
    "of next loses no result and gives none twice, and who reads next gets the rest in order, on a pool of size %i " +
      "(semantic 19, T22)",
    (size) =>
      sweep((world, operations) => {
        const pool = world.pool(size)
        const pile = makePile(world, pool)
        world.fork(spawnAll(pile))
        const received: Array<string> = []
        const victim = world.fork(readAll(pile, received), operations)
        return {
          victim,
          pool,
          check(over) {
            world.get(expectEmpty(pool))
            expect(over ? received : outcomes).toEqual(outcomes)
            expect([...received, ...rest(world, pile)]).toEqual(outcomes)
          }
        }
      })
  )

  it("of next among others that wait loses no result and gives none twice", () =>
    sweep((world, operations) => {
      const pool = world.pool(2)
      const pile = makePile(world, pool)
      world.fork(spawnAll(pile))
      const others: Array<string> = []
      const received: Array<string> = []
      world.fork(readAll(pile, others))
      const victim = world.fork(readAll(pile, received), operations)
      world.fork(readAll(pile, others))
      return {
        victim,
        pool,
        check() {
          expect(received).toEqual(received.toSorted((a, b) => outcomes.indexOf(a) - outcomes.indexOf(b)))
          expect([...received, ...others, ...rest(world, pile)].toSorted()).toEqual(outcomes.toSorted())
        }
      }
    }))

  it.each(["results", "exits"] as const)(
    "of %s gives no result twice or out of order and leaves all to who reads next but the one in the reader's hands " +
      "(semantic 19)",
    (kind) =>
      sweep((world, operations) => {
        const pool = world.pool(2)
        const pile = makePile(world, pool)
        world.fork(spawnAll(pile))
        const received: Array<string> = []
        const note = (result: Exit.Exit<number, number>) => {
          received.push(describeExit(result))
        }
        const victim = world.fork(
          kind === "exits"
            ? Stream.runForEach(pile.exits, (exit) => Effect.sync(() => note(exit)))
            : Effect.catch(
              Stream.runForEach(pile.results, (item) => Effect.sync(() => note(Exit.succeed(item)))),
              (item) => Effect.sync(() => note(Exit.fail(item)))
            ),
          operations
        )
        return {
          victim,
          pool,
          check() {
            const left = rest(world, pile)
            expect(outcomes.slice(0, received.length)).toEqual(received)
            expect(outcomes.slice(total - left.length)).toEqual(left)
            expect(received.length + left.length).toBeOneOf([total - 1, total])
          }
        }
      })
  )
})

describe("a reader that is interrupted when his result has come", () => {
  interface Setting {
    readonly world: World
    readonly pile: GreenPile<number, string>
    readonly jobs: MapJobs
    readonly operations: number
    readonly takeSteps: () => void
  }

  /** Runs it with readers that yield every few operations; tells whether so many steps are more than there are. */
  const at = (operations: number, steps: number, scenario: (setting: Setting) => void): boolean => {
    const world = new World()
    const pile = world.get(Effect.orDie(
      Effect.provideService(GreenPile.make<number, string>(world.pool(3)), Scope.Scope, world.scope)
    ))
    const jobs = new MapJobs()
    for (let item = 0; item < 3; item++) world.get(pile.spawn(jobs.job(item)))
    let over = false
    const takeSteps = () => {
      for (let step = 0; step < steps; step++) over ||= !world.step()
    }
    scenario({ world, pile, jobs, operations, takeSteps })
    world.close()
    return over
  }

  /** Runs it with an interruption at each moment between the end of a job and the rest after its delivery. */
  const atEachMoment = (scenario: (setting: Setting) => void): void => {
    for (let operations = 3; operations <= 12; operations++) {
      for (let steps = 0; !at(operations, steps, scenario); steps++);
    }
  }

  it("with another one, in whichever order, leaves both results in their places", () => {
    for (const order of [[0, 1], [1, 0]]) {
      atEachMoment(({ jobs, operations, pile, takeSteps, world }) => {
        const readers = [world.fork(pile.next, operations), world.fork(pile.next, operations)]
        world.run()
        jobs.finish(0, 1, 2)
        takeSteps()
        for (const index of order) readers[index]?.interruptUnsafe()
        world.run()
        const received = readers.flatMap((reader) => {
          const exit = reader.pollUnsafe()
          return exit?._tag === "Success" ? Option.toArray(exit.value) : []
        })
        expect([...received, ...world.get(Stream.runCollect(pile.results))]).toEqual([0, 1, 2])
      })
    }
  })

  it("leaves it to the reader who waits behind him, at once", () =>
    atEachMoment(({ jobs, operations, pile, takeSteps, world }) => {
      const victim = world.fork(pile.next, operations)
      const next = world.fork(pile.next)
      world.run()
      jobs.finish(0)
      takeSteps()
      victim.interruptUnsafe()
      world.run()
      // the one after it is still outstanding
      const exits = [victim.pollUnsafe(), next.pollUnsafe()]
      const given = exits.filter((exit) => exit?._tag === "Success")
      expect(given).toEqual([Exit.succeed(Option.some(0))])
    }))
})

describe("an interruption at any point of a feeder", () => {
  it.each([{ size: 1, taken: 0 }, { size: 1, taken: 1 }, { size: 2, taken: 2 }, { size: 10, taken: 0 }])(
    "keeps the jobs that it spawned and drops the one that waits, on a pool of size $size with $taken taken ",
    ({ size, taken }) =>
      sweep((world, operations) => {
        const pool = world.pool(size)
        for (let job = 0; job < taken; job++) world.fork(pool.run(turns(4)))
        const pile = makePile(world, pool)
        const spawned: Array<number> = []
        const victim = world.fork(spawnAll(pile, spawned), operations)
        return {
          victim,
          pool,
          check(over) {
            world.get(expectEmpty(pool))
            const received = rest(world, pile)
            expect(received).toEqual(outcomes.slice(0, received.length))
            expect(over ? received : outcomes).toEqual(outcomes)
            // The job of the one `spawn` that was interrupted may have started, or not.
            expect(received.length).toBeOneOf([spawned.length, spawned.length + 1])
          }
        }
      })
  )

  it.each([1, 2])(
    "inside a job of the same pool of size %i interrupts the job on the borrowed slot, whose exit takes its place ",
    (size) =>
      sweep((world, operations) => {
        const pool = world.pool(size)
        const pile = makePile(world, pool)
        const spawned: Array<number> = []
        const victim = world.fork(pool.run(spawnAll(pile, spawned)), operations)
        return {
          victim,
          pool,
          check(over) {
            world.get(expectEmpty(pool))
            const received = rest(world, pile)
            const kept = outcomes.slice(0, spawned.length)
            expect(received.slice(0, spawned.length)).toEqual(kept)
            expect(received.length).toBeOneOf([spawned.length, spawned.length + 1])
            expect(over ? received : outcomes).toEqual(outcomes)
          }
        }
      })
  )
})

it("an interruption at any point of making a pile leaves none behind in the pool that it shares", () => {
  sweep((world, operations) => {
    const pool = world.pool(1)
    const make = Effect.asVoid(Effect.orDie(GreenPile.make(pool)))
    return {
      victim: world.fork(Effect.scoped(make), operations),
      pool,
      check: () => expect(toInternal(pool).groups.size).toBe(0)
    }
  })
})

describe("a close at any point", () => {
  it("of a pile's scope frees all its slots and ends its feeder", () => {
    for (let after = 0, over = false; !over; after++) {
      const world = new World()
      const pool = world.pool(2)
      world.fork(pool.run(turns(6)))
      const scope = Scope.makeUnsafe()
      const pile = world.get(
        Effect.provideService(GreenPile.make<number, number>(pool), Scope.Scope, scope).pipe(Effect.orDie)
      )
      const feeder = world.fork(spawnAll(pile), 3)
      for (let turn = 0; turn < after; turn++) over ||= !world.step()
      const closing = world.fork(Scope.close(scope, Exit.void))
      world.run()
      expect(closing.pollUnsafe()?._tag).toBe("Success")
      expect(feeder.pollUnsafe()).toBeDefined()
      world.get(expectEmpty(pool))
    }
  })
})

describe("a reader of a pile that closes", () => {
  it.effect("does not wait for a job that will never start", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      yield* pool.spawn(Effect.never)
      const scope = yield* Scope.make()
      const pile = yield* GreenPile.make<void>(pool).pipe(Scope.provide(scope))
      const spawner = yield* forkNow(pile.spawn(Effect.void))
      const reader = yield* forkNow(pile.next)
      yield* atRest
      expect(reader.pollUnsafe()).toBeUndefined()
      yield* Scope.close(scope, Exit.void)
      yield* atRest
      expect(reader.pollUnsafe()).toEqual(Exit.succeed(Option.none()))
      expect(Exit.hasInterrupts(yield* Fiber.await(spawner))).toBe(true)
    }))
})
