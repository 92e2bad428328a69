import { Effect } from "effect"
import { startSharedServer } from "../../src/overload/server.ts"
import { p99 } from "./bounds.ts"
import { generate } from "./load.ts"

/** How many requests are worked on concurrently. */
export const SIZE = 4

/** How long a request of each tenant takes, in milliseconds. */
export const tenants: Readonly<Record<string, number>> = { long: 100, short: 2 }

/** How many clients each tenant has. Each sends its next request when the last is answered: always too many. */
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
    const meters = new Map(Object.keys(tenants).map((tenant) => [tenant, { slotTime: 0, waits: Array<number>() }]))
    const work = (tenant: string) => {
      const meter = meters.get(tenant)
      const arrived = performance.now()
      return Effect.suspend(() => {
        const started = performance.now()
        meter?.waits.push(started - arrived)
        return Effect.ensuring(
          Effect.sleep(tenants[tenant] ?? 0),
          Effect.sync(() => {
            if (meter !== undefined) meter.slotTime += performance.now() - started
          })
        )
      })
    }
    const url = yield* startSharedServer(SIZE, keys, work)
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
