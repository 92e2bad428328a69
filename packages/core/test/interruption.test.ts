import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Latch } from "effect"
import type { GreenPool } from "../src/index.ts"
import { expectEmpty, expectWorking } from "./support/counters.ts"
import { makePool } from "./support/makePool.ts"
import { Stage } from "./support/stage.ts"
import { atRest } from "./support/turns.ts"
import { World } from "./support/world.ts"

/** A pool in some state, and a victim that is interrupted at some step of what it does there. */
interface Scenario {
  readonly title: string
  readonly size: number
  /** Starts what is there before the victim. */
  readonly before?: (pool: GreenPool, stage: Stage) => ReadonlyArray<Effect.Effect<unknown>>
  readonly victim: (pool: GreenPool, stage: Stage) => Effect.Effect<unknown>
  /** Starts what comes after the victim. */
  readonly after?: (pool: GreenPool, stage: Stage) => ReadonlyArray<Effect.Effect<unknown>>
  /** The jobs, other than the victim's, in the order in which they must start. */
  readonly order: ReadonlyArray<string>
}

const verbs = {
  run: (pool: GreenPool, stage: Stage) => pool.run(stage.job("victim")),
  spawn: (pool: GreenPool, stage: Stage) => pool.spawn(stage.job("victim")),
  spawnN: (pool: GreenPool, stage: Stage) => pool.spawnN(stage.job("victim"))
}

const scenarios: Array<Scenario> = Object.entries(verbs).flatMap(([verb, victim]): Array<Scenario> => [
  { title: `${verb} on a free pool`, size: 1, victim, order: [] },
  {
    title: `${verb} on a free pool with others after it`,
    size: 2,
    victim,
    after: (pool, stage) => ["b", "c", "d"].map((name) => pool.spawn(stage.job(name))),
    order: ["b", "c", "d"]
  },
  {
    title: `${verb} on a full pool`,
    size: 1,
    before: (pool, stage) => [pool.run(stage.job("a"))],
    victim,
    after: (pool, stage) => [pool.run(stage.job("b")), pool.run(stage.job("c"))],
    order: ["a", "b", "c"]
  },
  {
    title: `${verb} in the middle of a long line`,
    size: 2,
    before: (pool, stage) => ["a", "b", "c", "d"].map((name) => pool.spawn(stage.job(name))),
    victim,
    after: (pool, stage) => ["e", "f"].map((name) => pool.run(stage.job(name))),
    order: ["a", "b", "c", "d", "e", "f"]
  },
  {
    title: `${verb} in a job of a full pool, which lends its slot`,
    size: 1,
    victim: (pool, stage) => pool.run(Effect.andThen(victim(pool, stage), stage.job("victim's next"))),
    after: (pool, stage) => [pool.run(stage.job("b")), pool.run(stage.job("c"))],
    order: ["b", "c"]
  },
  {
    title: `${verb} three deep in jobs of a full pool`,
    size: 1,
    victim: (pool, stage) => pool.run(pool.run(Effect.andThen(victim(pool, stage), victim(pool, stage)))),
    after: (pool, stage) => [pool.run(stage.job("b"))],
    order: ["b"]
  },
  {
    title: `${verb} in a job whose slot is lent already`,
    size: 1,
    victim: (pool, stage) =>
      pool.run(Effect.flatMap(
        Effect.forkChild(pool.run(stage.job("victim's other")), { startImmediately: true }),
        (other) => Effect.andThen(victim(pool, stage), Fiber.join(other))
      )),
    after: (pool, stage) => [pool.run(stage.job("b"))],
    order: ["b"]
  }
])

const waiters: Array<Scenario> = [
  { title: "waitall on an idle pool", size: 1, victim: (pool) => pool.waitall, order: [] },
  {
    title: "waitall on a busy pool",
    size: 1,
    before: (pool, stage) => [pool.run(stage.job("a")), pool.spawn(stage.job("b"))],
    victim: (pool) => pool.waitall,
    after: (pool) => [pool.waitall, pool.waitall],
    order: ["a", "b"]
  }
]

/** Sets the scene, lets `act` go on with the victim, and checks what is left. Gives what `act` gives. */
const play = (
  scenario: Scenario,
  operations: number,
  act: (world: World, victim: () => Fiber.Fiber<unknown, unknown>, stage: Stage) => boolean
): boolean => {
  const world = new World()
  const stage = new Stage()
  const pool = world.pool(scenario.size)
  const others = (scenario.before?.(pool, stage) ?? []).map((effect) => world.fork(effect))
  world.run()
  const hit = act(world, () => {
    const victim = world.fork(Effect.andThen(scenario.victim(pool, stage), Effect.yieldNow), operations)
    for (const effect of scenario.after?.(pool, stage) ?? []) others.push(world.fork(effect))
    return victim
  }, stage)
  world.get(stage.finishAll)
  for (const name of scenario.order) {
    world.get(stage.finish(name))
  }
  world.run()
  // jobs that were made late, as those of a victim that has got through
  world.get(stage.finishAll)
  expect(stage.started.filter((name) => !name.startsWith("victim"))).toEqual(scenario.order)
  for (const other of others) expect(other.pollUnsafe()?._tag).toBe("Success")
  world.get(expectEmpty(pool))
  world.get(expectWorking(pool))
  world.close()
  return hit
}

const everyBudget = Array.from({ length: 62 }, (_, i) => i + 3)

describe.each([...scenarios, ...waiters])("an interrupted $title", (scenario) => {
  it("conserves slots, order and counters at every number of yields, for every operation budget (semantic 7, T1)", () => {
    let hits = 0
    for (const operations of everyBudget) {
      for (let steps = 0;; steps++) {
        const goesOn = play(scenario, operations, (world, start) => {
          const victim = start()
          for (let i = 0; i < steps; i++) world.step()
          const isAlive = victim.pollUnsafe() === undefined
          if (isAlive) hits++
          const goesOn = !world.isAtRest
          victim.interruptUnsafe()
          world.run()
          expect(victim.pollUnsafe()).toBeDefined()
          return isAlive && goesOn
        })
        if (!goesOn) break
      }
    }
    expect(hits).toBeGreaterThan(0)
  })

  it("conserves slots, order and counters at every single operation (semantic 7, T1)", () => {
    let operation = 0
    for (;;) {
      operation++
      const hit = play(scenario, 2048, (world, start) => {
        let count = 0
        let target: number | undefined
        world.onOperation = (fiber) => {
          target ??= fiber.id
          if (fiber.id === target && ++count === operation) fiber.interruptUnsafe()
        }
        const victim = start()
        world.run()
        world.onOperation = () => {}
        victim.interruptUnsafe()
        world.run()
        return count >= operation
      })
      if (!hit) break
    }
    expect(operation).toBeGreaterThan(2)
  })

  it("conserves slots, order and counters where the grant and the interruption meet (semantic 7, T2)", () => {
    for (const operations of [3, 4, 5, 7, 11, 2048]) {
      for (let steps = 0; steps < 40; steps++) {
        play(scenario, operations, (world, start, stage) => {
          const victim = start()
          // everybody ends as soon as he starts: the line moves while the victim is on its way
          world.fork(stage.finishAll)
          for (let i = 0; i < steps; i++) world.step()
          victim.interruptUnsafe()
          world.run()
          return true
        })
      }
    }
  })
})

describe("a waiting caller that is interrupted", () => {
  it.effect("leaves the line at once, and the others keep their places (semantic 7)", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      yield* pool.spawn(stage.job("a"))
      const fibers = new Map<string, Fiber.Fiber<unknown>>()
      for (const name of ["b", "c", "d", "e"]) {
        const call = name === "c" ? pool.spawn(stage.job(name)) : pool.run(stage.job(name))
        fibers.set(name, yield* Effect.forkChild(call, { startImmediately: true }))
      }
      expect(yield* pool.waiting).toBe(4)
      fibers.get("d")?.interruptUnsafe()
      expect(yield* pool.waiting).toBe(3)
      fibers.get("c")?.interruptUnsafe()
      expect(yield* pool.waiting).toBe(2)
      yield* stage.finishAll
      yield* pool.waitall
      expect(stage.started).toEqual(["a", "b", "e"])
    }))

  it.effect("changes no other counter, and is counted nowhere (semantic 7, T6)", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      yield* pool.spawn(Effect.never)
      const before = yield* pool.stats
      const fibers = yield* Effect.forEach(
        Array.from({ length: 20 }),
        (_, i) =>
          Effect.forkChild(i % 2 === 0 ? pool.run(Effect.never) : pool.spawnN(Effect.never), { startImmediately: true })
      )
      expect(yield* pool.stats).toEqual(
        Object.assign(Object.create(Object.getPrototypeOf(before)), before, { waiting: 20 })
      )
      yield* Fiber.interruptAll(fibers)
      expect(yield* pool.stats).toEqual(before)
    }))

  it.effect("and has just been granted the slot hands it to the next in line (semantic 7, T2)", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      const holder = yield* pool.spawn(stage.job("a"))
      yield* atRest
      const victim = yield* Effect.forkChild(pool.run(stage.job("b")), { startImmediately: true })
      const next = yield* Effect.forkChild(pool.run(stage.job("c")), { startImmediately: true })
      holder.interruptUnsafe()
      expect(yield* pool.waiting).toBe(1)
      victim.interruptUnsafe()
      expect(yield* pool.waiting).toBe(0)
      expect(yield* pool.running).toBe(1)
      yield* stage.finish("c")
      expect(yield* Fiber.join(next)).toBe("c")
      expect(stage.started).toEqual(["a", "c"])
    }))

  it.effect("and has just been granted the slot by resize hands it to the next in line (semantic 7, semantic 12)", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(0)
      const stage = new Stage()
      const [first, second] = yield* Effect.forEach(
        ["a", "b"],
        (name) => Effect.forkChild(pool.spawn(stage.job(name)), { startImmediately: true })
      )
      yield* pool.resize(1)
      first?.interruptUnsafe()
      if (second !== undefined) yield* Fiber.join(second)
      yield* atRest
      expect(stage.started).toEqual(["b"])
      expect(yield* pool.running).toBe(1)
    }))

  it.effect("loses no slot when all in line are cancelled at once (semantic 7, T14)", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const stage = new Stage()
      yield* pool.spawn(stage.job("a"))
      yield* pool.spawn(stage.job("b"))
      const fibers = yield* Effect.forEach(
        Array.from({ length: 100 }),
        () => Effect.forkChild(pool.run(Effect.void), { startImmediately: true })
      )
      const idle = yield* Effect.forkChild(pool.waitall, { startImmediately: true })
      yield* Fiber.interruptAll(fibers)
      expect(idle.pollUnsafe()).toBeUndefined()
      yield* stage.finishAll
      yield* Fiber.join(idle)
      yield* expectWorking(pool)
    }))
})

describe("run", () => {
  it.effect("runs the job in its caller's own fiber (semantic 8)", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      expect(yield* pool.run(Effect.fiberId)).toBe(yield* Effect.fiberId)
      const holder = yield* pool.spawn(Effect.yieldNow)
      expect(yield* pool.run(Effect.fiberId)).toBe(yield* Effect.fiberId)
      yield* Fiber.join(holder)
    }))

  it.effect("gives the job's value, failure or defect (semantic 8)", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      expect(yield* pool.run(Effect.succeed(1))).toBe(1)
      expect(yield* Effect.exit(pool.run(Effect.fail("no")))).toEqual(Exit.fail("no"))
      expect(yield* Effect.exit(pool.run(Effect.die("bug")))).toEqual(Exit.die("bug"))
      yield* expectEmpty(pool)
    }))

  it.effect("keeps the slot until the job's finalizers are over (semantic 3, semantic 8, T5)", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const finalizing = yield* Latch.make()
      const gate = yield* Latch.make()
      const fiber = yield* Effect.forkChild(
        pool.run(Effect.ensuring(Effect.void, Effect.andThen(finalizing.open, gate.await)))
      )
      yield* finalizing.await
      expect(yield* pool.running).toBe(1)
      const next = yield* Effect.forkChild(pool.run(Effect.void), { startImmediately: true })
      yield* atRest
      expect(yield* pool.waiting).toBe(1)
      yield* gate.open
      yield* Fiber.join(fiber)
      yield* Fiber.join(next)
      yield* expectEmpty(pool)
    }))

  it.effect("whose caller is interrupted interrupts the job and waits for its finalizers (semantic 8, T5)", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      const fiber = yield* Effect.forkChild(
        pool.run(Effect.ensuring(stage.around("job", Effect.never), stage.gate("finalizer").await)),
        { startImmediately: true }
      )
      fiber.interruptUnsafe()
      yield* atRest
      expect(stage.events).toEqual(["job starts", "job is interrupted"])
      expect(fiber.pollUnsafe()).toBeUndefined()
      expect(yield* pool.running).toBe(1)
      yield* stage.finish("finalizer")
      yield* Fiber.await(fiber)
      yield* expectEmpty(pool)
    }))

  it.effect("with a time limit frees its slot only when the work has ended (semantic 3, T5)", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const gate = yield* Latch.make()
      const work = yield* Latch.make()
      const fiber = yield* Effect.forkChild(
        pool.run(Effect.uninterruptible(Effect.andThen(work.open, gate.await))).pipe(Effect.timeout(0), Effect.exit)
      )
      yield* work.await
      yield* atRest
      expect(yield* pool.running).toBe(1)
      yield* gate.open
      yield* Fiber.join(fiber)
      yield* expectEmpty(pool)
    }))

  it.effect("in an uninterruptible region stays in line when its fiber is interrupted (semantic 7)", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      yield* pool.spawn(stage.job("a"))
      const fiber = yield* Effect.forkChild(Effect.uninterruptible(pool.run(stage.job("b"))), {
        startImmediately: true
      })
      fiber.interruptUnsafe()
      yield* atRest
      expect(yield* pool.waiting).toBe(1)
      yield* stage.finishAll
      yield* Fiber.await(fiber)
      expect(stage.events).toEqual(["a starts", "a ends", "b starts", "b ends"])
      yield* expectEmpty(pool)
    }))
})

describe("spawn", () => {
  it.effect("that has returned leaves the job alone when its caller is interrupted (semantic 8)", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      const spawner = yield* Effect.forkChild(Effect.andThen(pool.spawn(stage.job("a")), Effect.never))
      yield* atRest
      yield* Fiber.interrupt(spawner)
      yield* atRest
      expect(stage.events).toEqual(["a starts"])
      yield* stage.finishAll
      yield* pool.waitall
      expect(stage.events).toEqual(["a starts", "a ends"])
    }))

  it.effect("gives the fiber of the job, whose interruption ends it and frees the slot (semantic 8)", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      const fiber = yield* pool.spawn(stage.job("a"))
      yield* atRest
      yield* Fiber.interrupt(fiber)
      expect(stage.events).toEqual(["a starts", "a is interrupted"])
      yield* expectEmpty(pool)
      expect((yield* pool.stats).interrupted).toBe(1)
    }))

  it.effect("whose fiber is interrupted before it has started never runs, and frees its slot (semantic 8)", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      const fiber = yield* pool.spawn(stage.job("a"))
      yield* Fiber.interrupt(fiber)
      yield* atRest
      expect(stage.events).toEqual([])
      yield* expectWorking(pool)
    }))

  it.effect("keeps the slot until the interrupted job's finalizers are over (semantic 3, T5)", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const gate = yield* Latch.make()
      const fiber = yield* pool.spawn(Effect.ensuring(Effect.never, gate.await))
      yield* atRest
      fiber.interruptUnsafe()
      const next = yield* Effect.forkChild(pool.run(Effect.void), { startImmediately: true })
      yield* atRest
      expect({ running: yield* pool.running, waiting: yield* pool.waiting }).toEqual({ running: 1, waiting: 1 })
      yield* gate.open
      yield* Fiber.join(next)
      yield* expectEmpty(pool)
    }))

  it.effect("keeps the slot until the children of the job's fiber have ended (semantic 3)", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const gate = yield* Latch.make()
      const fiber = yield* pool.spawn(
        Effect.forkChild(Effect.ensuring(Effect.never, gate.await), { startImmediately: true })
      )
      yield* atRest
      expect(fiber.pollUnsafe()).toBeUndefined()
      expect(yield* pool.running).toBe(1)
      yield* gate.open
      yield* Fiber.await(fiber)
      yield* expectEmpty(pool)
    }))
})
