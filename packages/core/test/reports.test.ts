import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber } from "effect"
import { GreenPool } from "../src/index.ts"
import { logged } from "./support/logged.ts"
import { makePool } from "./support/makePool.ts"
import { atRest } from "./support/turns.ts"

describe("a job of spawnN", () => {
  it.effect("that fails is reported exactly once, with its cause, at level Error", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const entries = yield* logged(Effect.andThen(pool.spawnN(Effect.fail("no")), pool.waitall))
      expect(entries).toHaveLength(1)
      expect(entries[0]?.level).toBe("Error")
      expect(entries[0]?.cause).toEqual(Cause.fail("no"))
    }))

  it.effect("that dies is reported exactly once, with its cause", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const entries = yield* logged(pool.spawnN(Effect.sync(() => {
        throw new Error("bug")
      })))
      expect(entries).toHaveLength(1)
      expect(entries[0] === undefined ? undefined : Cause.squash(entries[0].cause)).toEqual(new Error("bug"))
    }))

  it.effect("is reported with the log annotations of its spawn and the name of the pool", () =>
    Effect.gen(function*() {
      const pool = yield* Effect.orDie(GreenPool.make({ size: 1, name: "api" }))
      const entries = yield* logged(
        Effect.andThen(
          pool.spawnN(Effect.annotateLogs(Effect.fail("no"), "inner", "not in force")).pipe(
            Effect.annotateLogs({ request: "42" })
          ),
          pool.waitall
        ).pipe(Effect.annotateLogs("outer", "yes"))
      )
      expect(entries.map((entry) => entry.annotations)).toEqual([{ request: "42", outer: "yes", pool: "api" }])
    }))

  it.effect("is reported the same way by the static of a key, which gives nothing either", () =>
    Effect.gen(function*() {
      const entries = yield* logged(Effect.gen(function*() {
        expect(yield* GreenPool.spawnN(Effect.fail("no"))).toBeUndefined()
        yield* GreenPool.waitall
      })).pipe(Effect.provide(GreenPool.layer({ size: 1, name: "api" })), Effect.orDie)
      expect(entries.map(({ annotations, cause, level }) => ({ annotations, cause, level }))).toEqual([
        { annotations: { pool: "api" }, cause: Cause.fail("no"), level: "Error" }
      ])
    }))

  it.effect("is reported the same way when it had to wait for its slot", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const entries = yield* logged(Effect.gen(function*() {
        const holder = yield* pool.spawn(Effect.never)
        yield* Effect.forkChild(Effect.annotateLogs(pool.spawnN(Effect.fail("no")), "who", "waiter"), {
          startImmediately: true
        })
        yield* Fiber.interrupt(holder)
        yield* pool.waitall
      }))
      expect(entries.map(({ annotations, level }) => ({ annotations, level }))).toEqual([
        { level: "Error", annotations: { who: "waiter", pool: "default" } }
      ])
    }))

  it.effect("is reported the same way on a borrowed slot", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const entries = yield* logged(pool.run(pool.spawnN(Effect.fail("no"))))
      expect(entries.map((entry) => entry.cause)).toEqual([Cause.fail("no")])
    }))

  it.effect("that succeeds is not reported", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      expect(yield* logged(pool.spawnN(Effect.succeed(1)))).toEqual([])
    }))

  it.effect("that is interrupted is not reported, by itself, in the queue or by the close", () =>
    Effect.gen(function*() {
      const entries = yield* logged(Effect.scoped(Effect.gen(function*() {
        const pool = yield* makePool(2)
        yield* pool.spawnN(Effect.interrupt)
        yield* pool.waitall
        yield* pool.spawnN(Effect.never)
        yield* pool.spawnN(Effect.never)
        const waiter = yield* Effect.forkChild(pool.spawnN(Effect.fail("never started")), { startImmediately: true })
        yield* Fiber.interrupt(waiter)
        yield* atRest
      })))
      expect(entries).toEqual([])
    }))

  it.effect("whose finalizer dies at its interruption is reported", () =>
    Effect.gen(function*() {
      const entries = yield* logged(Effect.scoped(Effect.gen(function*() {
        const pool = yield* makePool(1)
        yield* pool.spawnN(Effect.ensuring(Effect.never, Effect.die("bug")))
        yield* atRest
      })))
      expect(entries).toHaveLength(1)
      expect(entries[0]?.cause.reasons.some(Cause.isDieReason)).toBe(true)
    }))

  it.effect("whose finalizer dies is reported also where a handler stands, which interruption skips", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const entries = yield* logged(Effect.gen(function*() {
        const job = Effect.exit(Effect.ensuring(Effect.never, Effect.die("bug")))
        const lender = yield* pool.spawn(pool.spawnN(job))
        yield* atRest
        yield* Fiber.interrupt(lender)
      }))
      expect(entries).toHaveLength(1)
      expect(entries[0]?.cause.reasons.some(Cause.isDieReason)).toBe(true)
      expect((yield* pool.stats).failed).toBe(1)
    }))

  it.effect("that fails changes nothing for the others, nor for the spawner", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(2)
      const entries = yield* logged(Effect.gen(function*() {
        for (let i = 0; i < 5; i++) yield* pool.spawnN(Effect.fail(i))
        yield* pool.waitall
      }))
      expect(entries.map((entry) => entry.cause)).toEqual([0, 1, 2, 3, 4].map((n) => Cause.fail(n)))
      expect((yield* pool.stats).failed).toBe(5)
    }))
})

describe("a job of spawn or run", () => {
  it.effect("that fails is not reported: its failure is that of its fiber", () =>
    Effect.gen(function*() {
      const pool = yield* makePool(1)
      const entries = yield* logged(Effect.gen(function*() {
        yield* Effect.exit(pool.run(Effect.fail("no")))
        const fiber = yield* pool.spawn(Effect.fail("no"))
        expect(yield* Fiber.await(fiber)).toEqual(Exit.fail("no"))
      }))
      expect(entries).toEqual([])
    }))

  it("that fails leaves no unhandled rejection behind", async () => {
    const rejections: Array<unknown> = []
    const listener = (reason: unknown) => {
      rejections.push(reason)
    }
    process.on("unhandledRejection", listener)
    try {
      await Effect.runPromise(Effect.scoped(logged(Effect.gen(function*() {
        const pool = yield* makePool(2)
        for (const verb of ["spawn", "spawnN"] as const) {
          yield* pool[verb](Effect.fail("no"))
          yield* pool[verb](Effect.promise(() => Promise.reject(new Error("bug"))))
        }
        yield* pool.waitall
        yield* atRest
      }))))
    } finally {
      process.off("unhandledRejection", listener)
    }
    expect(rejections).toEqual([])
  })
})
