import { GreenPool, type InvalidPoolSize, type PoolFull, type PoolStats } from "@greenpool/core"
import { type Context, Effect, type Layer, Redacted, type Scope, Stream } from "effect"
import type { HttpRouter } from "effect/http"
import { expectTypeOf } from "vitest"
import { type AnyPool, type Authorize, Dashboard, type Shown } from "../../src/index.ts"

class ApiPool extends GreenPool.Service<ApiPool>()("app/ApiPool", { size: 10 }) {}
class Bounded extends GreenPool.Service<Bounded>()("app/Bounded", { maxWaiting: 5 }) {}
class Users extends (null as unknown as Context.ServiceClass<Users, "Users", { readonly admin: string }>) {}

type Router = HttpRouter.HttpRouter

// Keys are effects that give their pool; an effect that makes one is one as well.
expectTypeOf(Dashboard.layer({ pools: [GreenPool, ApiPool, Bounded] })).toEqualTypeOf<
  Layer.Layer<Dashboard, never, GreenPool | ApiPool | Bounded | Router>
>()
expectTypeOf(Dashboard.layer({ pools: [ApiPool, GreenPool.make({ size: 3, maxWaiting: 9 })] })).toEqualTypeOf<
  Layer.Layer<Dashboard, InvalidPoolSize, ApiPool | Router>
>()
expectTypeOf(Dashboard.layer()).toEqualTypeOf<Layer.Layer<Dashboard, never, Router>>()
expectTypeOf(Dashboard.layer({ path: "/pools", hosts: ["pools.example"], history: "10 minutes", keys: true }))
  .toEqualTypeOf<Layer.Layer<Dashboard, never, Router>>()

// What access needs, the layer needs.
expectTypeOf(Dashboard.layer({ pools: [ApiPool], access: () => Effect.map(Users, () => "steer" as const) }))
  .toEqualTypeOf<Layer.Layer<Dashboard, never, ApiPool | Users | Router>>()
const password: Authorize = Dashboard.password({ steer: Redacted.make("s") })
Dashboard.layer({ access: password })
Dashboard.layer({ access: Dashboard.local("steer") })
// @ts-expect-error: a path is absolute
Dashboard.layer({ path: "pools" })
// @ts-expect-error: no such option
Dashboard.layer({ acess: password })
// @ts-expect-error: a secret is redacted
Dashboard.password({ steer: "s" })
// @ts-expect-error: no access at all is no option
Dashboard.local("none")

// Every pool can be shown, and so can anything that reports like one.
declare const pool: GreenPool
declare const bounded: GreenPool<PoolFull>
const shown: ReadonlyArray<Shown> = [pool, bounded]
const elsewhere: Shown<"gone"> = { stats: Effect.fail("gone"), changes: Stream.empty }
const pools: ReadonlyArray<AnyPool> = [ApiPool, Effect.succeed(elsewhere), Effect.succeed(shown[0]!)]
Dashboard.layer({ pools })
// @ts-expect-error: a number doesn't report
Dashboard.layer({ pools: [Effect.succeed(1)] })

expectTypeOf(Dashboard.show(GreenPool.make())).toEqualTypeOf<
  Effect.Effect<void, InvalidPoolSize, Dashboard | Scope.Scope>
>()
expectTypeOf(Dashboard.show(bounded)).toEqualTypeOf<Effect.Effect<void, never, Dashboard | Scope.Scope>>()
expectTypeOf(Dashboard.show(Effect.succeed(elsewhere))).toEqualTypeOf<
  Effect.Effect<void, never, Dashboard | Scope.Scope>
>()

expectTypeOf(Effect.flatMap(Dashboard, (dashboard) => dashboard.watching)).toEqualTypeOf<
  Effect.Effect<number, never, Dashboard>
>()

export type Stats = Effect.Success<Shown["stats"]> extends PoolStats ? true : never
