import { GreenPool, type InvalidPoolSize, type PoolFull, type PoolStats } from "@greenpool/core"
import { type Context, Effect, type Layer, Redacted, type Scope, Stream } from "effect"
import type { HttpRouter } from "effect/http"
import { type AnyPool, type Authorize, Dashboard, type Shown } from "../../src/index.ts"

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

const exactly = <A, B>(_: Equal<A, B>): void => {}

class ApiPool extends GreenPool.Service<ApiPool>()("app/ApiPool", { size: 10 }) {}
class Bounded extends GreenPool.Service<Bounded>()("app/Bounded", { maxWaiting: 5 }) {}
class Users extends (null as unknown as Context.ServiceClass<Users, "Users", { readonly admin: string }>) {}

type Router = HttpRouter.HttpRouter

// Keys are effects that give their pool; an effect that makes one is one as well.
const keys = Dashboard.layer({ pools: [GreenPool, ApiPool, Bounded] })
exactly<typeof keys, Layer.Layer<Dashboard, never, GreenPool | ApiPool | Bounded | Router>>(true)
const made = Dashboard.layer({ pools: [ApiPool, GreenPool.make({ size: 3, maxWaiting: 9 })] })
exactly<typeof made, Layer.Layer<Dashboard, InvalidPoolSize, ApiPool | Router>>(true)
const none = Dashboard.layer()
exactly<typeof none, Layer.Layer<Dashboard, never, Router>>(true)
const empty = Dashboard.layer({ path: "/pools", hosts: ["pools.example"], history: "10 minutes", keys: true })
exactly<typeof empty, Layer.Layer<Dashboard, never, Router>>(true)

// What access needs, the layer needs.
const asked = Dashboard.layer({ pools: [ApiPool], access: () => Effect.map(Users, () => "steer" as const) })
exactly<typeof asked, Layer.Layer<Dashboard, never, ApiPool | Users | Router>>(true)
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

const further = Dashboard.show(GreenPool.make())
exactly<typeof further, Effect.Effect<void, InvalidPoolSize, Dashboard | Scope.Scope>>(true)
const held = Dashboard.show(bounded)
exactly<typeof held, Effect.Effect<void, never, Dashboard | Scope.Scope>>(true)
const another = Dashboard.show(Effect.succeed(elsewhere))
exactly<typeof another, Effect.Effect<void, never, Dashboard | Scope.Scope>>(true)

const watching = Effect.flatMap(Dashboard, (dashboard) => dashboard.watching)
exactly<typeof watching, Effect.Effect<number, never, Dashboard>>(true)

export type Stats = Effect.Success<Shown["stats"]> extends PoolStats ? true : never
