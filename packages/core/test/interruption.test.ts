import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Latch, Scope, Stream } from "effect"
import { toInternal } from "../src/GreenPool.ts"
import { type GreenPool, type GreenPoolOptions, type JobOptions, PoolFull, type Verdict } from "../src/index.ts"
import { expectEmpty, expectWorking } from "./support/counters.ts"
import { makePool } from "./support/makePool.ts"
import { mismeasured, observed, openSpans } from "./support/observation.ts"
import { Stage } from "./support/stage.ts"
import { atRest } from "./support/turns.ts"
import { World } from "./support/world.ts"

/** A pool in some state, and a victim that is interrupted at some step of what it does there. */
interface Scenario {
  readonly title: string
  readonly size: number
  readonly options?: Omit<GreenPoolOptions, "size">
  /** The pool is adaptive, and its size changes with the end of each job. */
  readonly isAdaptive?: boolean
  /** Whether the victim is rejected, or must not be. */
  readonly isRejected?: boolean
  /** The pool begins to close: before the victim comes, or after. */
  readonly closing?: "before" | "after"
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

/** What the victim and the others ask for, and in which order the others must start, whose clock stands still. */
const asking: ReadonlyArray<readonly [JobOptions, ReadonlyArray<readonly [string, JobOptions]>, string]> = [
  // keys that were never served by arrival, then those that were served least recently
  [{ key: "victim" }, [["b", { key: "y" }], ["c", { key: "z" }], ["d", { key: "y" }], ["e", { key: "x" }]], "abced"],
  [{ key: "x" }, [["b", { key: "x" }], ["c", {}], ["d", { key: "x" }]], "acbd"],
  [{ priority: 1 }, [["b", {}], ["c", { priority: 2 }], ["d", { priority: -1 }], ["e", {}]], "acbed"],
  [{ key: "x", priority: -1 }, [["b", { key: "x", priority: -1 }], ["c", { key: "x" }]], "acb"],
  [{ maxWait: 10 }, [["b", { maxWait: 5 }], ["c", {}], ["d", { maxWait: 20 }]], "abcd"],
  [{ maxWait: 0 }, [["b", {}]], "ab"]
]

const asks: ReadonlyArray<(pool: GreenPool, stage: Stage, options: JobOptions) => Effect.Effect<unknown, unknown>> = [
  (pool, stage, options) => pool.run(stage.job("victim"), options),
  (pool, stage, options) => pool.spawn(stage.job("victim"), options),
  (pool, stage, options) => pool.spawnN(stage.job("victim"), options)
]

const ifAvailable: Record<string, (pool: GreenPool, stage: Stage) => Effect.Effect<unknown>> = {
  runIfAvailable: (pool: GreenPool, stage: Stage) => pool.runIfAvailable(stage.job("victim"), { key: "x" }),
  spawnIfAvailable: (pool: GreenPool, stage: Stage) => pool.spawnIfAvailable(stage.job("victim"))
}

const runAll = (pool: GreenPool, stage: Stage, ...names: ReadonlyArray<string>) =>
  names.map((name) => pool.run(stage.job(name)))

const admission: Array<Scenario> = [
  ...asking.flatMap(([options, others, order]) =>
    asks.map((victim, index): Scenario => ({
      title: `${Object.keys(verbs)[index]} with ${JSON.stringify(options)} among others`,
      size: 1,
      before: (pool, stage) => [pool.run(stage.job("a"), { key: "x" })],
      victim: (pool, stage) => Effect.ignore(victim(pool, stage, options)),
      after: (pool, stage) => others.map(([name, options]) => Effect.orDie(pool.run(stage.job(name), options))),
      order: [...order]
    }))
  ),
  ...Object.entries(verbs).flatMap(([verb, victim]): Array<Scenario> => [
    {
      title: `${verb} that is rejected, since the queue is full`,
      size: 1,
      options: { maxWaiting: 1 },
      isRejected: true,
      before: (pool, stage) => runAll(pool, stage, "a", "b"),
      victim: (pool, stage) => Effect.ignore(victim(pool, stage)),
      // a map is never rejected
      after: (pool, stage) => [Stream.runDrain(pool.imap(stage.job, ["c", "d"]))],
      order: ["a", "b", "c", "d"]
    },
    {
      title: `${verb} in a job whose slot is lent, which no bound of its pool is for`,
      size: 1,
      options: { maxWait: 10, maxWaiting: 1 },
      isRejected: false,
      victim: (pool, stage) =>
        Effect.ignore(pool.run(Effect.flatMap(
          Effect.forkChild(pool.run(stage.job("victim's other")), { startImmediately: true }),
          (other) => Effect.andThen(victim(pool, stage), Fiber.join(other))
        ))),
      after: (pool, stage) => [Stream.runDrain(pool.imap(stage.job, ["b"]))],
      order: ["b"]
    },
    {
      title: `${verb} on a pool that drains`,
      size: 1,
      options: { onClose: "drain" },
      closing: "before",
      before: (pool, stage) => runAll(pool, stage, "a", "b"),
      victim,
      order: ["a", "b"]
    },
    {
      title: `${verb} on a pool that drains while it waits`,
      size: 1,
      options: { onClose: "drain", drainTimeout: 10 },
      closing: "after",
      before: (pool, stage) => runAll(pool, stage, "a", "b"),
      victim,
      order: ["a", "b"]
    },
    {
      title: `${verb} in a job of a full pool that drains`,
      size: 1,
      options: { onClose: "drain" },
      closing: "after",
      victim: (pool, stage) => pool.run(Effect.andThen(victim(pool, stage), stage.job("victim's next"))),
      order: []
    }
  ]),
  ...Object.entries(ifAvailable).flatMap(([verb, victim]): Array<Scenario> => [
    {
      title: `${verb} on a free pool`,
      size: 1,
      victim,
      after: (pool, stage) => runAll(pool, stage, "b"),
      order: ["b"]
    },
    {
      title: `${verb} on a full pool`,
      size: 1,
      before: (pool, stage) => runAll(pool, stage, "a"),
      victim,
      after: (pool, stage) => runAll(pool, stage, "b", "c"),
      order: ["a", "b", "c"]
    },
    {
      title: `${verb} in a job of a pool that is not full, then in one that is`,
      size: 2,
      victim: (pool, stage) => pool.run(Effect.andThen(victim(pool, stage), victim(pool, stage))),
      after: (pool, stage) => runAll(pool, stage, "b", "c", "d"),
      order: ["b", "c", "d"]
    },
    {
      title: `${verb} on a pool that drains`,
      size: 2,
      options: { onClose: "drain" },
      closing: "before",
      before: (pool, stage) => runAll(pool, stage, "a"),
      victim,
      order: ["a"]
    }
  ])
]

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
  let isMoving = scenario.isAdaptive === true
  let ends = 0
  const classify = (): Verdict => {
    if (isMoving) toInternal(pool).ledger.adaptation?.resized(1 + ends++ % 3)
    return "ok"
  }
  const pool = world.pool(scenario.size, { ...scenario.options, adaptive: isMoving && { max: 3, classify } })
  let closing: Fiber.Fiber<void> | undefined
  const others = (scenario.before?.(pool, stage) ?? []).map((effect) => world.fork(effect))
  world.run()
  if (scenario.closing === "before") closing = world.fork(Scope.close(world.scope, Exit.void))
  const hit = act(world, () => {
    const victim = world.fork(Effect.andThen(scenario.victim(pool, stage), Effect.yieldNow), operations)
    if (scenario.closing === "after") closing = world.fork(Scope.close(world.scope, Exit.void))
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
  isMoving = false
  expect(stage.started.filter((name) => !name.startsWith("victim"))).toEqual(scenario.order)
  for (const other of others) expect(other.pollUnsafe()?._tag).toBe("Success")
  const { rejected } = world.get(pool.stats)
  expect(scenario.isRejected === false ? rejected : 0).toBe(0)
  expect(scenario.isRejected === true && stage.started.includes("victim")).toBe(false)
  world.get(expectEmpty(pool))
  if (scenario.options?.metrics === true) {
    expect(mismeasured(world.registry, world.get(pool.stats))).toEqual([])
    expect(openSpans(world.tracer.spans)).toEqual([])
  }
  expect([toInternal(pool).slots.shares, world.clock.sleeping]).toEqual([undefined, 0])
  if (closing === undefined) world.get(expectWorking(pool))
  else expect(closing.pollUnsafe()).toEqual(Exit.void)
  world.close()
  return hit
}

const everyBudget = Array.from({ length: 62 }, (_, i) => i + 3)

/** The same with all that makes a pool visible. */
const visible = scenarios.filter(({ title }) => !title.includes("free")).map((scenario): Scenario => ({
  ...scenario,
  title: `${scenario.title}, observed`,
  options: { ...scenario.options, ...observed }
}))

const adaptive = scenarios.filter(({ title }) => /middle|lends its slot/.test(title)).map((scenario): Scenario => ({
  ...scenario,
  title: `${scenario.title}, of an adaptive pool`,
  isAdaptive: true
}))

const all = [...scenarios, ...admission, ...waiters, ...visible, ...adaptive]

describe.each(all)("an interrupted $title", (scenario) => {
  it("conserves slots, order and counters at every number of yields, for every operation budget", () => {
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

  it("conserves slots, order and counters at every single operation", () => {
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

  it("conserves slots, order and counters where the grant and the interruption meet", () => {
    for (const operations of [3, 4, 5, 7, 11, 2048]) {
      for (let steps = 0; steps < 40; steps++) {
        play(scenario, operations, (world, start, stage) => {
          const victim = start()
          // everybody ends as soon as he starts: the queue moves while the victim is on its way
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

describe.each(Object.entries(asks).map(([index, ask]) => ({ verb: Object.keys(verbs)[Number(index)], ask })))(
  "$verb with a longest wait",
  ({ ask }) => {
    it("conserves all where the grant, the time-out and the interruption meet", () => {
      const ends = new Set<string>()
      for (const operations of [3, 5, 8, 2048]) {
        for (let timeout = 0; timeout < 10; timeout++) {
          for (let interruption = 0; interruption < 14; interruption++) {
            const world = new World()
            const stage = new Stage()
            const pool = world.pool(1)
            const others = [world.fork(pool.run(stage.job("a"))), world.fork(pool.run(stage.job("b")))]
            const victim = world.fork(ask(pool, stage, { maxWait: 10 }), operations)
            others.push(world.fork(pool.run(stage.job("c"))))
            world.fork(stage.finishAll)
            for (let step = 0; step < Math.max(timeout, interruption) + 1; step++) {
              if (step === timeout) world.clock.advance(10)
              if (step === interruption) victim.interruptUnsafe()
              world.step()
            }
            world.run()
            const exit = victim.pollUnsafe()
            const error = exit !== undefined && exit._tag === "Failure" ? Exit.findErrorOption(exit) : undefined
            const end = error === undefined ? "slot" : error._tag === "Some" ? "time-out" : "interruption"
            ends.add(end)
            world.get(stage.finishAll)
            world.run()
            const { rejected } = world.get(pool.stats)
            expect(exit).toBeDefined()
            expect([end, rejected, error?._tag === "Some" && error.value instanceof PoolFull]).toEqual([
              end,
              end === "time-out" ? 1 : end === "slot" ? 0 : rejected,
              end === "time-out"
            ])
            expect(rejected + stage.started.filter((name) => name === "victim").length).toBeLessThan(2)
            expect(stage.started.filter((name) => name !== "victim")).toEqual(["a", "b", "c"])
            for (const other of others) expect(other.pollUnsafe()?._tag).toBe("Success")
            expect(world.clock.sleeping).toBe(0)
            world.get(expectWorking(pool))
            world.close()
          }
        }
      }
      expect([...ends].sort()).toEqual(["interruption", "slot", "time-out"])
    })
  }
)

describe("a waiting caller that is interrupted", () => {
  it.effect("leaves the queue at once, and the others keep their places", () =>
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

  it.effect("changes no other counter, and is counted nowhere", () =>
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

  it.effect("and has just been granted the slot hands it to the next in the queue", () =>
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

  it.effect("and has just been granted the slot by resize hands it to the next in the queue", () =>
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

  it.effect("loses no slot when all in the queue are cancelled at once", () =>
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
  it.effect("runs the job in its caller's own fiber", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      expect(yield* pool.run(Effect.fiberId)).toBe(yield* Effect.fiberId)
      const holder = yield* pool.spawn(Effect.yieldNow)
      expect(yield* pool.run(Effect.fiberId)).toBe(yield* Effect.fiberId)
      yield* Fiber.join(holder)
    }))

  it.effect("gives the job's value, failure or defect", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      expect(yield* pool.run(Effect.succeed(1))).toBe(1)
      expect(yield* Effect.exit(pool.run(Effect.fail("no")))).toEqual(Exit.fail("no"))
      expect(yield* Effect.exit(pool.run(Effect.die("bug")))).toEqual(Exit.die("bug"))
      yield* expectEmpty(pool)
    }))

  it.effect("keeps the slot until the job's finalizers are over", () =>
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

  it.effect("whose caller is interrupted interrupts the job and waits for its finalizers", () =>
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

  it.effect("with a time limit frees its slot only when the work has ended", () =>
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

  it.effect("in an uninterruptible region stays in the queue when its fiber is interrupted", () =>
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
  it.effect("that has returned leaves the job alone when its caller is interrupted", () =>
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

  it.effect("gives the fiber of the job, whose interruption ends it and frees the slot", () =>
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

  it.effect("whose fiber is interrupted before it has started never runs, and frees its slot", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const stage = new Stage()
      const fiber = yield* pool.spawn(stage.job("a"))
      yield* Fiber.interrupt(fiber)
      yield* atRest
      expect(stage.events).toEqual([])
      yield* expectWorking(pool)
    }))

  it.effect("keeps the slot until the interrupted job's finalizers are over", () =>
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

  it.effect("keeps the slot until the children of the job's fiber have ended", () =>
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
