/** The limit: what all members together may run at most, with every verb. */
import { expect } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope, Stream } from "effect"
import { Count, member, members, pass, ready, test, turns } from "./support/cluster.ts"
import { randomOf } from "./support/random.ts"

test("three members together never run more than the size, with every verb", function*() {
  yield* ready
  const pools = yield* members(3, 4)
  const count = new Count()
  const job = count.of(Effect.sleep(20))
  const programs = yield* Effect.forEach(pools, (pool) =>
    Effect.forkChild(Effect.all([
      Effect.forEach([1, 2, 3, 4], () => pool.run(job), { concurrency: "unbounded" }),
      Effect.forEach([1, 2, 3], () => pool.spawn(job)),
      Effect.forEach([1, 2, 3], () => pool.spawnN(job)),
      Effect.scoped(Effect.flatMap(pool.takeScoped(), (slot) => slot.within(job))),
      Stream.runDrain(pool.imap(() => job, [1, 2, 3, 4, 5, 6])),
      Stream.runDrain(pool.imapUnordered(() => job, [1, 2, 3])),
      Stream.runDrain(pool.runStream(Stream.fromEffect(job))),
      // Nested jobs borrow: they are no further ones.
      pool.run(pool.run(job))
    ], { concurrency: "unbounded" })))
  yield* pass(5, 300)
  for (const program of programs) yield* Fiber.join(program)
  expect(count).toMatchObject({ most: 4, running: 0, ended: 3 * 22 })
  for (const pool of pools) yield* pool.waitall
  expect((yield* pools[0]!.clusterStats).leased).toBe(0)
})

test("the limit holds under random load and resizing, with members that come and go, and loses no slot", function*() {
  yield* ready
  const below = randomOf(7)
  // What may run: the size, and after a shrink what ran then, until it has ended.
  let [running, size, allowed] = [0, 5, 5]
  const broken: Array<string> = []
  const job = Effect.suspend(() => {
    running++
    if (running > allowed) broken.push(`${running} of ${allowed}`)
    return Effect.ensuring(
      Effect.sleep(below(40)),
      Effect.sync(() => {
        running--
        allowed = Math.max(size, Math.min(allowed, running))
      })
    )
  })
  const open = Effect.gen(function*() {
    const scope = yield* Scope.make()
    const onClose = below(2) === 0 ? "drain" as const : "interrupt" as const
    return { scope, pool: yield* Scope.provide(member({ size: 5, name: "random", onClose }), scope) }
  })
  const pools = [yield* open, yield* open, yield* open]
  const callers: Array<Fiber.Fiber<unknown, unknown>> = []
  const call = (use: Effect.Effect<unknown, unknown>) =>
    Effect.map(Effect.forkChild(use), (fiber) => void callers.push(fiber))
  for (let step = 0; step < 200; step++) {
    const index = below(pools.length)
    const { pool, scope } = pools[index]!
    const what = below(24)
    if (what < 6) { for (let i = below(8); i > 0; i--) yield* call(pool.run(job)) }
    else if (what < 8) yield* call(pool.spawn(job))
    else if (what < 10) yield* call(Stream.runDrain(pool.imap(() => job, [1, 2, 3, 4, 5])))
    else if (what < 12) yield* call(pool.runIfAvailable(job))
    else if (what < 15) { for (const caller of callers.splice(below(callers.length), 3)) caller.interruptUnsafe() }
    else if (what === 15) {
      const next = below(8)
      if (next > size) allowed = Math.max(allowed, size = next)
      const resize = yield* Effect.forkChild(pool.resize(next))
      yield* pass(5, 2)
      expect(resize.pollUnsafe()?._tag).toBe("Success")
      size = next
      allowed = Math.max(size, running)
    } else if (what === 16) {
      pools[index] = yield* open
      yield* Effect.forkChild(Scope.close(scope, Exit.void))
    } else {
      yield* (below(2) === 0 ? turns(below(6)) : pass(5))
    }
  }
  expect(broken).toEqual([])
  yield* pools[0]!.pool.resize(5)
  yield* pass(10, 100)
  expect(running).toBe(0)
  yield* pools[0]!.pool.waitall
  const stats = yield* pools[0]!.pool.clusterStats
  expect({ leased: stats.leased, members: stats.members.length }).toEqual({ leased: 0, members: 3 })
})
