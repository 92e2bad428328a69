/**
 * A page that shows pools live and steers them.
 *
 * @since 0.1.0
 */
import { Context, Duration, Effect, Layer, type Redacted, type Scope } from "effect"
import { type HttpClient, HttpRouter } from "effect/http"
import { type Access, type Authorize, local, password } from "./Access.ts"
import { answers } from "./internal/answers.ts"
import { Board } from "./internal/board.ts"
import { hostName } from "./internal/request.ts"
import { remote, type RemoteFailed, type RemoteOptions } from "./Remote.ts"
import type { AnyPool, Shown } from "./Shown.ts"

const TypeId: unique symbol = Symbol.for("@greenpool/dashboard/Dashboard")

/**
 * A dashboard that is being served.
 *
 * @category models
 * @since 0.1.0
 */
export interface Dashboard {
  readonly [TypeId]: unknown

  /** How many pages are open. */
  readonly watching: Effect.Effect<number>
}

/**
 * Options of the dashboard.
 *
 * @category models
 * @since 0.1.0
 */
export interface DashboardOptions<Pools extends ReadonlyArray<AnyPool>, R> {
  /** The pools that are shown from the start, in this order: keys, or effects such as `GreenPool.make({ … })`. */
  readonly pools?: Pools
  /** The path of the page. Default `/greenpool`. */
  readonly path?: `/${string}`
  /** What a request may do. Default `Dashboard.local()`. */
  readonly access?: Authorize<R>
  /**
   * Names, in addition to `localhost` and IP addresses, under which the page is reached. Any other name in `Host` is
   * refused, so that no site can point a name of its own at this server. Default none.
   */
  readonly hosts?: ReadonlyArray<string>
  /** The heading of the page. Default `GreenPool`. */
  readonly title?: string
  /** Whether the keys of callers are shown. They may name persons. Default false. */
  readonly keys?: boolean
  /** How much of the past is kept, with a sample each second. Default 5 minutes; from 10 seconds to 1 hour. */
  readonly history?: Duration.Input
  /**
   * The least time between two updates of a page. Default 250 milliseconds; at least 50. A sample of all pools is sent
   * once a second whatever the interval.
   */
  readonly interval?: Duration.Input
  /** How many pages may be open. A further one is refused with 503. Default 100. */
  readonly maxViewers?: number
}

const key = Context.Service<Dashboard>("@greenpool/dashboard/Dashboard")

/** A number in its range; anything else is a mistake of the program. */
const checked = (name: string, value: number, least: number, most: number, unit: string): number => {
  if (value >= least && value <= most) return value
  const range = most === Infinity ? `at least ${least}` : `${least} to ${most}`
  throw new RangeError(`Dashboard.layer: ${name} is ${range}${unit}, not ${value}`)
}

const settingsOf = <R>(options: DashboardOptions<ReadonlyArray<AnyPool>, R>) => ({
  path: options.path ?? "/greenpool",
  access: options.access ?? local() as Authorize<R>,
  hosts: new Set(options.hosts?.map((name) => hostName(name) ?? name)),
  title: options.title ?? "GreenPool",
  keys: options.keys === true,
  history: Math.round(
    checked("history", Duration.toMillis(options.history ?? "5 minutes") / 1000, 10, 3600, " seconds")
  ),
  interval: checked("interval", Duration.toMillis(options.interval ?? 250), 50, Infinity, " ms"),
  maxViewers: checked("maxViewers", options.maxViewers ?? 100, 1, Infinity, "")
})

const make = Effect.fnUntraced(function*<Pools extends ReadonlyArray<AnyPool>, R>(
  options: DashboardOptions<Pools, R>
) {
  const { access, path, ...settings } = yield* Effect.sync(() => settingsOf(options))
  const router = yield* HttpRouter.HttpRouter
  const context = yield* Effect.context<R>()
  const board = new Board(settings, context)
  for (const pool of options.pools ?? []) yield* Effect.flatMap(pool, (shown) => board.show(shown))
  yield* Effect.forkScoped(board.run)
  const { get, post } = answers(board, {
    ...settings,
    authorize: (request) => Effect.provideContext(access(request), context),
    challenge: access.challenge
  })
  yield* router.add("GET", path, get)
  yield* router.add("POST", path, post)
  return { [TypeId]: board, watching: Effect.sync(() => board.watching) }
})

const layer = <Pools extends ReadonlyArray<AnyPool>, R>(options: DashboardOptions<Pools, R> = {}) =>
  Layer.effect(key, make(options))

const show = <E, R>(pool: Shown<unknown> | Effect.Effect<Shown<unknown>, E, R>) =>
  Effect.gen(function*() {
    const dashboard = yield* key
    yield* (dashboard[TypeId] as Board).show(Effect.isEffect(pool) ? yield* pool : pool)
  })

/**
 * The service key of the dashboard, and the home of its constructors.
 *
 * @category services
 * @since 0.1.0
 */
export const Dashboard: Context.Service<Dashboard, Dashboard> & {
  /**
   * A layer that adds the page to the `HttpRouter` of the application. The router's middleware applies to it as to any
   * other route. It fails if one of its pools can't be made; an option out of its range is a defect.
   */
  readonly layer: <const Pools extends ReadonlyArray<AnyPool> = [], R = never>(
    options?: DashboardOptions<Pools, R>
  ) => Layer.Layer<
    Dashboard,
    Effect.Error<Pools[number]>,
    Exclude<Effect.Services<Pools[number]>, Scope.Scope> | R | HttpRouter.HttpRouter
  >
  /**
   * Shows a further pool until the scope closes: a pool, or an effect that returns one. A second pool of the same name
   * is shown as "name (2)".
   */
  readonly show: <E = never, R = never>(
    pool: Shown<unknown> | Effect.Effect<Shown<unknown>, E, R>
  ) => Effect.Effect<void, E, R | Dashboard | Scope.Scope>
  /**
   * Access for programs of this machine: loopback addresses, without any header of a proxy, and with the page's own
   * `Origin` where there is one. They get `access`, by default "view"; all others get nothing.
   */
  readonly local: (access?: Exclude<Access, "none">) => Authorize
  /**
   * Access by password (HTTP Basic, any user name). Without `view`, everyone may look, and the page offers to unlock
   * steering. A wrong password is answered after half a second. Needs TLS in front of it.
   */
  readonly password: (
    passwords: { readonly view?: Redacted.Redacted; readonly steer: Redacted.Redacted }
  ) => Authorize
  /**
   * A pool of another process, read from that process' dashboard at `url`, to be shown on this one. It is asked for
   * figures all the time, as an open page does; where no answer comes, the pool says so, and it is tried again every
   * 3 seconds. With the password for steering it can be resized from here; a resize that gets no answer within
   * 5 seconds fails, and may have been carried out.
   */
  readonly remote: (
    url: string,
    options: RemoteOptions
  ) => Effect.Effect<Shown<RemoteFailed>, never, HttpClient.HttpClient | Scope.Scope>
} = Object.assign(key, { layer, show, local, password, remote }) as never
