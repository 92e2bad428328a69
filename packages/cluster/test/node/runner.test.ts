import { assert, it } from "@effect/vitest"
import { layerRunner, layerSqlite } from "@greenpool/cluster/node"
import { Effect, Layer, References } from "effect"
import { SqlClient } from "effect/sql"

it.live.each([
  { host: undefined, listenHost: undefined, name: "localhost:1" },
  { host: "outside", listenHost: "localhost", name: "outside:1" }
])("a runner is known as $name, wherever it listens", ({ name, ...hosts }) =>
  Effect.gen(function*() {
    const sql = yield* SqlClient.SqlClient
    const runners = sql`SELECT address FROM cluster_runners`.values
    const found = yield* Effect.repeat(Effect.delay(runners, 1), { until: (found) => found.length > 0 })
    assert.deepStrictEqual(found, [[name]])
  }).pipe(
    Effect.provide(Layer.provideMerge(
      // Any free port.
      layerRunner({ port: 1, listenPort: 0, ...hosts }),
      layerSqlite({ filename: ":memory:" })
    )),
    Effect.provideService(References.MinimumLogLevel, "Error")
  ))
