import { describe, expect, it, vi } from "@effect/vitest"
import { Cause, Effect, Exit, Latch, Option, Scope, Stream } from "effect"
import { toInternal } from "../src/GreenPool.ts"
import { GreenPile, type GreenPool } from "../src/index.ts"
import { expectEmpty, turns, upTo, World } from "./support/index.ts"
import { sweep } from "./support/interruption-sweep.ts"

// Thousands of runs.
vi.setConfig({ testTimeout: 30_000 })

type Pile = GreenPile<number, number>

const total = 4

/** Jobs of some length, of which one fails. */
const job = (item: number): Effect.Effect<number, number> =>
  Effect.andThen(turns((item * 2) % 3), item === 2 ? Effect.fail(item) : Effect.succeed(item))

const outcomes = upTo(total).map((item) => item === 2 ? "failure 2" : `success ${item}`)

const describeExit = (exit: Exit.Exit<number, number>): string =>
  Exit.isSuccess(exit) ? `success ${exit.value}` : `failure ${Cause.squash(exit.cause)}`

const makePile = (world: World, pool: GreenPool, scope: Scope.Scope = world.scope): Pile =>
  world.get(Effect.orDie(Scope.provide(GreenPile.make<number, number>(pool), scope)))

const spawnAll = (pile: Pile, spawned: Array<number> = []): Effect.Effect<void> =>
  Effect.forEach(upTo(total), (item) => Effect.map(pile.spawn(job(item)), () => spawned.push(item)), { discard: true })

/** Reads with `next` until there is no more; notes each result in the very step that gives it. */
const readAll = (pile: Pile, received: Array<string>): Effect.Effect<void> => {
  const note = (outcome: string) => {
    received.push(outcome)
    return readAll(pile, received)
  }
  return Effect.flatten(Effect.matchCause(pile.next, {
    onSuccess: (result) => Option.isNone(result) ? Effect.void : note(`success ${result.value}`),
    onFailure: (cause) => Cause.hasInterrupts(cause) ? Effect.interrupt : note(`failure ${Cause.squash(cause)}`)
  }))
}

/** Sweeps a fiber that uses a pile. `check` is told what can be read of the pile in the end. */
const sweepPile = (
  size: number,
  start: (pile: Pile, world: World, pool: GreenPool) => {
    readonly victim: Effect.Effect<unknown, unknown>
    readonly after?: Effect.Effect<unknown>
    readonly check: (left: Array<string>, over: boolean) => void
  }
): void =>
  sweep((world, operations) => {
    const pool = world.pool(size)
    const pile = makePile(world, pool)
    const { after = Effect.void, check, victim } = start(pile, world, pool)
    const fiber = world.fork(victim, operations)
    world.fork(after)
    return {
      victim: fiber,
      pool,
      check(over) {
        world.get(expectEmpty(pool))
        check(world.get(Stream.runCollect(pile.exits)).map(describeExit), over)
      }
    }
  })

describe("an interruption at any point of a reader", () => {
  it.each([{ size: 1, hasOthers: false }, { size: 2, hasOthers: false }, { size: 2, hasOthers: true }])(
    "of next loses no result, and gives none twice or out of order: %j",
    ({ hasOthers, size }) =>
      sweepPile(size, (pile, world) => {
        world.fork(spawnAll(pile))
        const others: Array<string> = []
        const received: Array<string> = []
        const other = hasOthers ? readAll(pile, others) : Effect.void
        world.fork(other)
        return {
          victim: readAll(pile, received),
          after: other,
          check(left, over) {
            expect(over && !hasOthers ? received : outcomes).toEqual(outcomes)
            expect(received).toEqual(received.toSorted((a, b) => outcomes.indexOf(a) - outcomes.indexOf(b)))
            const all = [...received, ...others, ...left]
            expect(hasOthers ? all.toSorted() : all).toEqual(hasOthers ? outcomes.toSorted() : outcomes)
          }
        }
      })
  )

  it.each<[string, (pile: Pile) => Stream.Stream<Exit.Exit<number, number>>]>([
    ["exits", (pile) => pile.exits],
    ["results", (pile) => Stream.catch(Stream.map(pile.results, Exit.succeed), (item) => Stream.make(Exit.fail(item)))]
  ])(
    "of %s gives no result twice or out of order, and leaves the next all but the one in hand",
    (_, read) =>
      sweepPile(2, (pile, world) => {
        world.fork(spawnAll(pile))
        const received: Array<string> = []
        return {
          victim: Stream.runForEach(read(pile), (exit) => Effect.sync(() => received.push(describeExit(exit)))),
          check(left) {
            expect(outcomes.slice(0, received.length)).toEqual(received)
            expect(outcomes.slice(total - left.length)).toEqual(left)
            expect(received.length + left.length).toBeOneOf([total - 1, total])
          }
        }
      })
  )

  it.each([{ order: [0] }, { order: [0, 1] }, { order: [1, 0] }])(
    "that was given its result leaves it: of two, $order, when the first job has ended, or both when all have",
    ({ order }) => {
      const isOne = order.length === 1
      for (let operations = 3; operations <= 12; operations++) {
        for (let steps = 0, over = false; !over; steps++) {
          const world = new World()
          const pile = makePile(world, world.pool(3))
          const [first, others] = [Latch.makeUnsafe(), Latch.makeUnsafe()]
          for (const item of [0, 1, 3]) world.get(pile.spawn(Effect.as((item === 0 ? first : others).await, item)))
          const readers = [world.fork(pile.next, operations), world.fork(pile.next, operations)]
          world.run()
          first.openUnsafe()
          if (!isOne) others.openUnsafe()
          for (let step = 0; step < steps; step++) over ||= !world.step()
          for (const index of order) readers[index]?.interruptUnsafe()
          world.run()
          const received = () =>
            readers.map((reader) => reader.pollUnsafe())
              .flatMap((exit) => exit?._tag === "Success" ? Option.toArray(exit.value) : [])
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

it.each([[1, 1, false], [10, 0, false], [1, 0, true], [2, 0, true]] as const)(
  "an interruption at any point of a feeder drops only the job that waits or borrows: size %i, %i taken, nested: %s",
  (size, taken, isNested) =>
    sweepPile(size, (pile, world, pool) => {
      for (let job = 0; job < taken; job++) world.fork(pool.run(turns(4)))
      const spawned: Array<number> = []
      const feed = spawnAll(pile, spawned)
      return {
        victim: isNested ? pool.run(feed) : feed,
        check(received, over) {
          const known = isNested ? spawned.length : received.length
          expect(received.slice(0, known)).toEqual(outcomes.slice(0, known))
          expect(over ? received : outcomes).toEqual(outcomes)
          // The job of the interrupted `spawn` may have started, or not; on a loan it was interrupted, too.
          expect(received.length).toBeOneOf([spawned.length, spawned.length + 1])
        }
      }
    })
)

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
    world.get(Scope.close(scope, Exit.void))
    expect(feeder.pollUnsafe()).toBeDefined()
    world.get(expectEmpty(pool))
  }
})
