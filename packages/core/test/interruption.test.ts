import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Scope, Stream } from "effect"
import { toInternal } from "../src/GreenPool.ts"
import { type GreenPool, type GreenPoolOptions, type JobOptions, PoolFull, type Verdict } from "../src/index.ts"
import { atRest, expectEmpty, expectWorking, forkNow, makePool, Stage, testEffect, World } from "./support/index.ts"
import { mismeasured, observed, openSpans } from "./support/observation.ts"

type Calls = (pool: GreenPool, stage: Stage) => ReadonlyArray<Effect.Effect<unknown, unknown>>

/** A pool in some state, and a victim that is interrupted at some step of what it does there. */
interface Scenario {
  readonly title: string
  readonly victim: (pool: GreenPool, stage: Stage) => Effect.Effect<unknown, unknown>
  /** The jobs, other than the victim's, in the order in which they must start. */
  readonly order: string
  readonly size: number
  readonly options?: Omit<GreenPoolOptions, "size">
  /** The pool is adaptive, and its size changes with the end of each job. */
  readonly isAdaptive?: boolean
  /** Whether the victim is rejected, or must not be. */
  readonly isRejected?: boolean
  /** The pool begins to close: before the victim comes, or after. */
  readonly closing?: "before" | "after"
  /** What comes before the victim, and after it. */
  readonly before?: Calls
  readonly after?: Calls
}

/** On a pool of one slot, if nothing else is said. */
const scene = (
  title: string,
  victim: Scenario["victim"],
  order: string,
  rest: Partial<Scenario> = {}
): Scenario => ({ title, size: 1, victim, order, ...rest })

/** Jobs of one letter each. */
const running = (names: string): Calls => (pool, stage) => [...names].map((name) => pool.run(stage.job(name)))
const spawning = (names: string): Calls => (pool, stage) => [...names].map((name) => pool.spawn(stage.job(name)))
const mapping = (names: string): Calls => (pool, stage) => [Stream.runDrain(pool.imap(stage.job, [...names]))]

type Ask = (pool: GreenPool, stage: Stage, options?: JobOptions) => Effect.Effect<unknown, unknown>

const asks: Record<string, Ask> = {
  run: (pool, stage, options) => pool.run(stage.job("victim"), options),
  spawn: (pool, stage, options) => pool.spawn(stage.job("victim"), options),
  spawnN: (pool, stage, options) => pool.spawnN(stage.job("victim"), options)
}

const asksIfAvailable: Record<string, Ask> = {
  runIfAvailable: (pool, stage) => pool.runIfAvailable(stage.job("victim"), { key: "x" }),
  spawnIfAvailable: (pool, stage) => pool.spawnIfAvailable(stage.job("victim"))
}

/** The victim is the job around the verb, which does something else inside of it meanwhile. */
const besideAnother = (ask: Ask): Ask => (pool, stage) =>
  pool.run(Effect.flatMap(
    forkNow(pool.run(stage.job("victim's other"))),
    (other) => Effect.andThen(ask(pool, stage), Fiber.join(other))
  ))

const beforeItsNext = (ask: Ask): Ask => (pool, stage) =>
  pool.run(Effect.andThen(ask(pool, stage), stage.job("victim's next")))

const twice = (ask: Ask): Ask => (pool, stage) => pool.run(Effect.andThen(ask(pool, stage), ask(pool, stage)))

const basic = Object.entries(asks).flatMap(([verb, ask]) => [
  scene(`${verb} on a free pool`, ask, ""),
  scene(`${verb} on a free pool with others after it`, ask, "bcd", { size: 2, after: spawning("bcd") }),
  scene(`${verb} on a full pool`, ask, "abc", { before: running("a"), after: running("bc") }),
  scene(`${verb} in a long queue`, ask, "abcdef", { size: 2, before: spawning("abcd"), after: running("ef") }),
  scene(`${verb} in a job of a full pool, which lends its slot`, beforeItsNext(ask), "bc", { after: running("bc") }),
  scene(`${verb} three deep in a full pool`, (pool, stage) => pool.run(twice(ask)(pool, stage)), "b", {
    after: running("b")
  }),
  scene(`${verb} in a job whose slot is lent already`, besideAnother(ask), "b", { after: running("b") })
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

const bounded = Object.entries(asks).flatMap(([verb, ask]) => [
  ...asking.map(([options, others, order]) =>
    scene(`${verb} with ${JSON.stringify(options)} among others`, (...on) => ask(...on, options), order, {
      before: (pool, stage) => [pool.run(stage.job("a"), { key: "x" })],
      after: (pool, stage) => others.map(([name, options]) => pool.run(stage.job(name), options))
    })
  ),
  scene(`${verb} that is rejected, since the queue is full`, ask, "abcd", {
    options: { maxWaiting: 1 },
    isRejected: true,
    before: running("ab"),
    // a map is never rejected
    after: mapping("cd")
  }),
  scene(`${verb} in a job whose slot is lent, which no bound of its pool is for`, besideAnother(ask), "b", {
    options: { maxWait: 10, maxWaiting: 1 },
    isRejected: false,
    after: mapping("b")
  }),
  scene(`${verb} on a pool that drains while it waits`, ask, "ab", {
    options: { onClose: "drain", drainTimeout: 10 },
    closing: "after",
    before: running("ab")
  }),
  scene(`${verb} in a job of a full pool that drains`, beforeItsNext(ask), "", {
    options: { onClose: "drain" },
    closing: "after"
  })
])

const refused = Object.entries({ ...asks, ...asksIfAvailable }).map(([verb, ask]) =>
  scene(`${verb} on a pool that drains`, ask, "a", {
    size: 2,
    options: { onClose: "drain" },
    closing: "before",
    before: running("a")
  })
)

const available = Object.entries(asksIfAvailable).flatMap(([verb, ask]) => [
  scene(`${verb} on a free pool`, ask, "b", { after: running("b") }),
  scene(`${verb} on a full pool`, ask, "abc", { before: running("a"), after: running("bc") }),
  scene(`${verb} on a pool that fills`, twice(ask), "bcd", { size: 2, after: running("bcd") })
])

const waiters = [
  scene("waitall on an idle pool", (pool) => pool.waitall, ""),
  scene("waitall on a busy pool", (pool) => pool.waitall, "ab", {
    before: running("ab"),
    after: (pool) => [pool.waitall, pool.waitall]
  })
]

/** The same with all that makes a pool visible. */
const visible = basic.filter(({ title }) => !title.includes("free")).map((scenario): Scenario => ({
  ...scenario,
  title: `${scenario.title}, observed`,
  options: observed
}))

const adaptive = basic.filter(({ title }) => /long queue|lends its slot/.test(title)).map((scenario): Scenario => ({
  ...scenario,
  title: `${scenario.title}, of an adaptive pool`,
  isAdaptive: true
}))

/** Sets the scene, lets `act` go on with the victim, and checks what is left. Returns what `act` returns. */
const play = <A>(
  scenario: Scenario,
  operations: number,
  act: (world: World, victim: () => Fiber.Fiber<unknown, unknown>, stage: Stage, pool: GreenPool) => A
): A => {
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
  const result = act(
    world,
    () => {
      const victim = world.fork(Effect.andThen(scenario.victim(pool, stage), Effect.yieldNow), operations)
      if (scenario.closing === "after") closing = world.fork(Scope.close(world.scope, Exit.void))
      for (const effect of scenario.after?.(pool, stage) ?? []) others.push(world.fork(effect))
      return victim
    },
    stage,
    pool
  )
  world.get(stage.finishAll)
  for (const name of scenario.order) world.get(stage.finish(name))
  world.run()
  // jobs that were made late, as those of a victim that has got through
  world.get(stage.finishAll)
  isMoving = false
  expect(stage.started.filter((name) => !name.startsWith("victim"))).toEqual([...scenario.order])
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
  return result
}

/** Whether the interruption came while the victim was alive, and what was left to do then. */
interface Hit {
  readonly isAlive: boolean
  readonly isAtRest: boolean
  /** Whether the victim has had to yield. */
  readonly yields: boolean
}

/** Interrupts the victim after so many steps. */
const interruptAfter = (steps: number, world: World, victim: Fiber.Fiber<unknown, unknown>): Hit => {
  for (let i = 0; i < steps; i++) world.step()
  const hit = { isAlive: victim.pollUnsafe() === undefined, isAtRest: world.isAtRest, yields: world.hasPreempted }
  victim.interruptUnsafe()
  world.run()
  expect(victim.pollUnsafe()).toBeDefined()
  return hit
}

const scenarios = [...basic, ...bounded, ...refused, ...available, ...waiters, ...visible, ...adaptive]

describe.each(scenarios)("an interrupted $title conserves slots, order and counters", (scenario) => {
  it("at every number of yields, for every number of operations between them", () => {
    let hits = 0
    // until it is through without having had to yield: the same then happens for all further numbers
    for (let operations = 3, yields = true; yields; operations++) {
      for (let steps = 0, goesOn = true; goesOn; steps++) {
        const hit = play(scenario, operations, (world, start) => interruptAfter(steps, world, start()))
        if (hit.isAlive) hits++
        goesOn = hit.isAlive && !hit.isAtRest
        yields = hit.yields
      }
    }
    expect(hits).toBeGreaterThan(0)
  })

  it("at every single operation", () => {
    let operation = 0
    for (let hit = true; hit;) {
      operation++
      hit = play(scenario, 2048, (world, start) => {
        let count = 0
        let target: number | undefined
        world.onOperation = (fiber) => {
          target ??= fiber.id
          if (fiber.id === target && ++count === operation) fiber.interruptUnsafe()
        }
        const victim = start()
        world.run()
        world.onOperation = () => {}
        interruptAfter(0, world, victim)
        return count >= operation
      })
    }
    expect(operation).toBeGreaterThan(2)
  })

  it("where the grant and the interruption meet", () => {
    for (const operations of [3, 4, 5, 7, 11, 2048]) {
      for (let steps = 0, goesOn = true; goesOn; steps++) {
        goesOn = play(scenario, operations, (world, start, stage) => {
          const victim = start()
          // all jobs end as soon as they start: the queue moves while the victim is on its way
          world.fork(stage.finishAll)
          return !interruptAfter(steps, world, victim).isAtRest
        })
      }
    }
  })
})

it.each(Object.entries(asks))("%s conserves all where grant, time-out and interruption meet", (verb, ask) => {
  const ends = new Set<string>()
  const scenario = scene(verb, (...on) => ask(...on, { maxWait: 10 }), "abc", {
    before: running("ab"),
    after: running("c")
  })
  const meet = (operations: number, timeout: number, interruption: number) =>
    play(scenario, operations, (world, start, stage, pool) => {
      const victim = start()
      world.fork(stage.finishAll)
      for (let step = 0; step <= Math.max(timeout, interruption); step++) {
        if (step === timeout) world.clock.advance(10)
        if (step === interruption) victim.interruptUnsafe()
        world.step()
      }
      world.run()
      const exit = victim.pollUnsafe()!
      const error = Option.getOrUndefined(Exit.findErrorOption(exit))
      const end = exit._tag === "Success" ? "slot" : error instanceof PoolFull ? "time-out" : "interruption"
      ends.add(end)
      const { rejected } = world.get(pool.stats)
      expect(end === "interruption" || rejected === (end === "time-out" ? 1 : 0)).toBe(true)
      expect(rejected + stage.started.filter((name) => name === "victim").length).toBeLessThan(2)
    })
  for (const operations of [3, 5, 8, 2048]) {
    for (let timeout = 0; timeout < 10; timeout++) {
      for (let interruption = 0; interruption < 14; interruption++) meet(operations, timeout, interruption)
    }
  }
  expect([...ends].sort()).toEqual(["interruption", "slot", "time-out"])
})

testEffect("a waiting caller that is interrupted leaves the queue immediately, and is counted nowhere", function*() {
  const pool = yield* makePool(1)
  yield* pool.spawn(Effect.never)
  const before = yield* pool.stats
  const fibers = [yield* forkNow(pool.run(Effect.void)), yield* forkNow(pool.spawn(Effect.void))]
  for (const waiting of [1, 0]) {
    fibers[waiting]?.interruptUnsafe()
    expect({ ...yield* pool.stats }).toEqual({ ...before, waiting })
  }
})

testEffect("run runs the job in its caller's own fiber, and gives its value, failure or defect", function*() {
  const pool = yield* makePool(1)
  expect(yield* pool.run(Effect.fiberId)).toBe(yield* Effect.fiberId)
  yield* pool.spawn(Effect.yieldNow)
  expect(yield* pool.run(Effect.fiberId)).toBe(yield* Effect.fiberId)
  for (const exit of [Exit.succeed(1), Exit.fail("no"), Exit.die("bug")]) {
    expect(yield* Effect.exit<unknown, unknown, never>(pool.run(exit))).toEqual(exit)
  }
  yield* expectEmpty(pool)
})

testEffect.each([true, false])("interrupting a spawned fiber ends its job, started: %s", function*(hasStarted) {
  const pool = yield* makePool(1)
  const stage = new Stage()
  const fiber = yield* pool.spawn(stage.job("a"))
  if (hasStarted) yield* atRest
  yield* Fiber.interrupt(fiber)
  yield* atRest
  expect(stage.events).toEqual(hasStarted ? ["a starts", "a is interrupted"] : [])
  expect((yield* pool.stats).interrupted).toBe(1)
  yield* expectWorking(pool)
})
