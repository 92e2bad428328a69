// What does not compile need not be run.
// @effect-diagnostics floatingEffect:off missingEffectError:off missingEffectContext:off
import { Context, Effect, type Exit, type Option, type Scope, type Stream } from "effect"
import { describe, expectTypeOf, it } from "vitest"
import { GreenPile, type GreenPool, type InvalidPoolSize } from "../../src/index.ts"

class Job extends Context.Service<Job, { readonly job: true }>()("types/Job") {}

declare const pool: GreenPool
declare const sizeOrPool: number | GreenPool
declare const pile: GreenPile<number, "failed">
declare const job: Effect.Effect<number, "failed", Job>

describe("a pile", () => {
  it("is made with a pool of its own or a shared one, in a scope", () => {
    expectTypeOf(GreenPile.make<number, "failed">())
      .toEqualTypeOf<Effect.Effect<GreenPile<number, "failed">, InvalidPoolSize, Scope.Scope>>()
    expectTypeOf(GreenPile.make<number>(3)).toEqualTypeOf<
      Effect.Effect<GreenPile<number>, InvalidPoolSize, Scope.Scope>
    >()
    expectTypeOf(GreenPile.make<number>(pool)).toEqualTypeOf<Effect.Effect<GreenPile<number>, never, Scope.Scope>>()
    expectTypeOf(GreenPile.make<number>(sizeOrPool)).toEqualTypeOf<
      Effect.Effect<GreenPile<number>, InvalidPoolSize, Scope.Scope>
    >()
  })

  it("needs for a spawn what the job needs, and fails where results are read", () => {
    expectTypeOf(pile.spawn(job)).toEqualTypeOf<Effect.Effect<void, never, Job>>()
    expectTypeOf(pile.spawn(Effect.succeed(1))).toEqualTypeOf<Effect.Effect<void>>()
    expectTypeOf(pile.next).toEqualTypeOf<Effect.Effect<Option.Option<number>, "failed">>()
    expectTypeOf(pile.results).toEqualTypeOf<Stream.Stream<number, "failed">>()
    expectTypeOf(pile.exits).toEqualTypeOf<Stream.Stream<Exit.Exit<number, "failed">>>()
  })

  it("cannot fail unless it was told so", () => {
    expectTypeOf<GreenPile<number>>().toEqualTypeOf<GreenPile<number, never>>()
    expectTypeOf<GreenPile<number>["next"]>().toEqualTypeOf<Effect.Effect<Option.Option<number>>>()
  })

  it("is neither wider nor narrower than its results", () => {
    expectTypeOf<GreenPile<number>>().not.toExtend<GreenPile<number | string>>()
    expectTypeOf<GreenPile<number | string>>().not.toExtend<GreenPile<number>>()
    expectTypeOf<GreenPile<number, "a">>().not.toExtend<GreenPile<number, "a" | "b">>()
  })

  it("refuses wrong use", () => {
    // @ts-expect-error the pile is one of numbers
    pile.spawn(Effect.succeed("text"))
    // @ts-expect-error the pile knows another failure
    pile.spawn(Effect.fail("other"))
    // @ts-expect-error a size or a pool, no options
    GreenPile.make<number>({ size: 3 })
    // @ts-expect-error a size is a number
    GreenPile.make<number>("3")
    // @ts-expect-error next is an effect, not a function
    pile.next()
  })
})
