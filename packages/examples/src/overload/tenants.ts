import { GreenPool } from "@greenpool/core"
import { Effect } from "effect"
import { generate } from "./load.ts"
import { p99 } from "./percentile.ts"
import { serve } from "./server.ts"

/** How many requests are worked on at once. */
export const SIZE = 4

/** How long a request of each tenant takes, in milliseconds. */
export const tenants: Readonly<Record<string, number>> = { long: 100, short: 2 }

/** So many clients has each tenant; each sends its next request as soon as the last is answered: always too many. */
export const CONNECTIONS = 20

/** What a tenant got. */
export interface Share {
  readonly tenant: string
  /** The part of the time of all slots that was spent on its requests, of all that was spent. */
  readonly share: number
  /** Requests a second that were answered. */
  readonly served: number
  /** 99 % of its requests waited for a slot at most so many milliseconds. */
  readonly p99: number
}

/** Puts both tenants on one pool, with or without their names as keys. */
export const compete = Effect.fn("compete")(
  function*(keys: boolean, seconds: number) {
    const pool = yield* GreenPool.make({ size: SIZE })
    const meters = new Map(Object.keys(tenants).map((tenant) => [tenant, { slotTime: 0, waits: Array<number>() }]))
    const url = yield* serve(Effect.fnUntraced(function*(tenant) {
      const meter = meters.get(tenant)
      if (meter === undefined) return
      const arrived = performance.now()
      const work = Effect.suspend(() => {
        const started = performance.now()
        meter.waits.push(started - arrived)
        return Effect.ensuring(
          Effect.sleep(tenants[tenant] ?? 0),
          Effect.sync(() => void (meter.slotTime += performance.now() - started))
        )
      })
      yield* keys ? pool.run(work, { key: tenant }) : pool.run(work)
    }))
    yield* generate({ kind: "Closed", url, tenants: [...meters.keys()], connections: CONNECTIONS, seconds })
    const total = [...meters.values()].reduce((sum, { slotTime }) => sum + slotTime, 0)
    return [...meters].map(([tenant, { slotTime, waits }]): Share => ({
      tenant,
      share: slotTime / total,
      served: waits.length / seconds,
      p99: p99(waits)
    }))
  },
  Effect.scoped
)
