import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { integer } from "../../src/flags.ts"
import { pageFlags, servePage } from "../../src/live-page.ts"
import { type Bound, bounds, CAPACITY, SERVICE_TIME, SIZE } from "../../src/overload/server.ts"
import { run } from "../../src/run.ts"
import { overload } from "./bounds.ts"
import { DEADLINE } from "./load.ts"
import { outcomeHead, outcomeRow, shareHead, shareRow } from "./report.ts"
import { compete, CONNECTIONS, SIZE as SHARED_SIZE, tenants } from "./tenants.ts"

const input = { seconds: integer("seconds", "How long each of the eight loads is measured", 3), ...pageFlags }

/** Loads beyond the capacity, in multiples of it. */
const LOADS = [1.3, 2]

const compareBounds = Effect.fnUntraced(function*(seconds: number) {
  yield* Console.log(
    `A pool of ${SIZE} slots, requests of ${SERVICE_TIME} ms: a capacity of ${CAPACITY} requests a second.\n` +
      `A client gives up after ${DEADLINE} ms.`
  )
  for (const times of LOADS) {
    yield* Console.log(`\n${times} times the capacity\n${outcomeHead}`)
    for (const bound of Object.keys(bounds) as ReadonlyArray<Bound>) {
      yield* Console.log(outcomeRow(bound, yield* overload(bound, times, seconds)))
    }
  }
})

const compareKeys = Effect.fnUntraced(function*(seconds: number) {
  const requests = Object.entries(tenants).map(([tenant, millis]) => `${tenant} (requests of ${millis} ms)`)
  yield* Console.log(
    `\nA pool of ${SHARED_SIZE} slots, two tenants with ${CONNECTIONS} busy clients each: ${requests.join(", ")}.` +
      `\n\n${shareHead}`
  )
  for (const keys of [false, true]) {
    for (const share of yield* compete(keys, seconds)) yield* Console.log(shareRow(keys, share))
  }
})

const command = Command.make(
  "overload",
  input,
  Effect.fn("overload")(function*({ dashboard, port, seconds }) {
    const compare = Effect.andThen(compareBounds(seconds), compareKeys(seconds))
    yield* dashboard ? Effect.provide(compare, yield* servePage(port)) : compare
  }, Effect.scoped)
).pipe(
  Command.withDescription(
    "Drives an HTTP server, whose requests are jobs of a pool, beyond its capacity: " +
      "with and without bounds of the queue, and with and without keys."
  )
)

run(Command.run(command, { version: "0.1.0" }))
