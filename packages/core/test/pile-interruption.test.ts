import { describe, expect, it, vi } from "@effect/vitest"
import { Cause, Effect, Exit, Latch, Option, Scope, Stream } from "effect"
import { toInternal } from "../src/GreenPool.ts"
import { GreenPile, type GreenPool } from "../src/index.ts"
import { expectEmpty } from "./support/counters.ts"
import { sweep } from "./support/interruption-sweep.ts"
import { turns } from "./support/turns.ts"
import { World } from "./support/world.ts"

// Thousands of runs.
vi.setConfig({ testTimeout: 30_000 })

type Pile = GreenPile<number, number>

const total = 4

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

const makePile = (world: World, pool: GreenPool, scope: Scope.Scope = world.scope): Pile =>
  world.get(Effect.orDie(Effect.provideService(GreenPile.make<number, number>(pool), Scope.Scope, scope)))

const spawnAll = (pile: Pile, spawned: Array<number> = []): Effect.Effect<void> =>
  Effect.suspend(() => {
    const item = spawned.length
    if (item === total) return Effect.void
    return Effect.flatMap(pile.spawn(job(item)), () => {
      spawned.push(item)
      return spawnAll(pile, spawned)
    })
  })

/** Reads with `next` until there is no more; notes each result in the very step that gives it. */
const readAll = (pile: Pile, received: Array<string>): Effect.Effect<void> =>
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
const rest = (world: World, pile: Pile): Array<string> => world.get(Stream.runCollect(pile.exits)).map(describeExit)

describe("an interruption at any point of a reader", () => {
  it.each([1, 2])(
    "of next loses no result and gives none twice, and the next reader gets the rest in order, on a pool of size %i",
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
    "of %s gives no result twice or out of order, and leaves the next reader all but the one in hand",
    (kind) =>
      sweep((world, operations) => {
        const pool = world.pool(2)
        const pile = makePile(world, pool)
        world.fork(spawnAll(pile))
        const received: Array<string> = []
        const note = (result: Exit.Exit<number, number>) => Effect.sync(() => void received.push(describeExit(result)))
        const victim = world.fork(
          kind === "exits"
            ? Stream.runForEach(pile.exits, note)
            : Effect.catch(
              Stream.runForEach(pile.results, (item) => note(Exit.succeed(item))),
              (item) => note(Exit.fail(item))
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

  /** Of two readers one is interrupted when the first job has ended, or both in some order when all have. */
  it.each([{ order: [0] }, { order: [0, 1] }, { order: [1, 0] }])(
    "that was given its result leaves it: %j",
    ({ order }) => {
      const isOne = order.length === 1
      for (let operations = 3; operations <= 12; operations++) {
        for (let steps = 0, over = false; !over; steps++) {
          const world = new World()
          const pile = makePile(world, world.pool(3))
          const [first, others] = [Latch.makeUnsafe(), Latch.makeUnsafe()]
          for (const item of [0, 1, 3]) {
            world.get(pile.spawn(Effect.andThen((item === 0 ? first : others).await, Effect.succeed(item))))
          }
          const readers = [world.fork(pile.next, operations), world.fork(pile.next, operations)]
          world.run()
          first.openUnsafe()
          if (!isOne) others.openUnsafe()
          for (let step = 0; step < steps; step++) over ||= !world.step()
          for (const index of order) readers[index]?.interruptUnsafe()
          world.run()
          const received = () =>
            readers.flatMap((reader) => {
              const exit = reader.pollUnsafe()
              return exit?._tag === "Success" ? Option.toArray(exit.value) : []
            })
          expect(isOne ? received() : [0]).toEqual([0])
          others.openUnsafe()
          world.run()
          expect([...received(), ...world.get(Stream.runCollect(pile.results))]).toEqual([0, 1, 3])
          world.close()
        }
      }
    }
  )
})

describe("an interruption at any point of a feeder", () => {
  it.each([
    { size: 1, taken: 1, isNested: false },
    { size: 10, taken: 0, isNested: false },
    { size: 1, taken: 0, isNested: true },
    { size: 2, taken: 0, isNested: true }
  ])(
    "keeps the jobs that it spawned and drops the one that waits or borrows: %j",
    ({ isNested, size, taken }) =>
      sweep((world, operations) => {
        const pool = world.pool(size)
        for (let job = 0; job < taken; job++) world.fork(pool.run(turns(4)))
        const pile = makePile(world, pool)
        const spawned: Array<number> = []
        const feed = spawnAll(pile, spawned)
        const victim = world.fork(isNested ? pool.run(feed) : feed, operations)
        return {
          victim,
          pool,
          check(over) {
            world.get(expectEmpty(pool))
            const received = rest(world, pile)
            const known = isNested ? spawned.length : received.length
            expect(received.slice(0, known)).toEqual(outcomes.slice(0, known))
            expect(over ? received : outcomes).toEqual(outcomes)
            // The job of the one `spawn` that was interrupted may have started, or not; on a loan it was interrupted, too.
            expect(received.length).toBeOneOf([spawned.length, spawned.length + 1])
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

it("a close of a pile's scope at any point frees all its slots and ends its feeder", () => {
  for (let after = 0, over = false; !over; after++) {
    const world = new World()
    const pool = world.pool(2)
    world.fork(pool.run(turns(6)))
    const scope = Scope.makeUnsafe()
    const feeder = world.fork(spawnAll(makePile(world, pool, scope)), 3)
    for (let turn = 0; turn < after; turn++) over ||= !world.step()
    const closing = world.fork(Scope.close(scope, Exit.void))
    world.run()
    expect(closing.pollUnsafe()?._tag).toBe("Success")
    expect(feeder.pollUnsafe()).toBeDefined()
    world.get(expectEmpty(pool))
  }
})
