import { Clock, Console, Duration, Effect } from "effect"
import { HttpClient } from "effect/http"

/** So many clients of a tenant ask for so long, each again as soon as it has its answer. */
const load = Effect.fnUntraced(function*(address: string, tenant: string, clients: number, seconds: number) {
  const got = { answered: 0, refused: 0, longest: 0 }
  const ask = Effect.gen(function*() {
    const began = yield* Clock.currentTimeMillis
    const { status } = yield* HttpClient.get(address, { headers: { "x-tenant": tenant } })
    if (status === 200) got.answered++
    else got.refused++
    got.longest = Math.max(got.longest, (yield* Clock.currentTimeMillis) - began)
    // As long as Retry-After says; here the load is over before.
    if (status === 429) yield* Effect.sleep("1 second")
  })
  yield* Effect.all(Array.from({ length: clients }, () => Effect.forever(ask)), { concurrency: "unbounded" }).pipe(
    Effect.timeoutOption(Duration.seconds(seconds))
  )
  return [tenant, clients, got.answered / seconds, got.refused, got.longest] as const
})

/** Puts the load of three tenants on the server, one of which floods it, and prints what each received. */
export const drive = Effect.fnUntraced(function*(address: string, seconds: number) {
  const loads = [["flood", 100], ["one", 1], ["two", 2]] as const
  const rows = yield* Effect.forEach(loads, ([tenant, clients]) => load(address, tenant, clients, seconds), {
    concurrency: "unbounded"
  })
  yield* Console.log("tenant  clients  answered  refused  longest")
  for (const [tenant, clients, answered, refused, longest] of rows) {
    yield* Console.log(
      `${tenant.padEnd(6)}  ${String(clients).padStart(7)}  ${`${answered.toFixed(0)}/s`.padStart(8)}  ` +
        `${String(refused).padStart(7)}  ${`${longest} ms`.padStart(7)}`
    )
  }
})
