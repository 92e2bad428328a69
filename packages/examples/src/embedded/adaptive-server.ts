// The server of the example `adaptive`, as a process of its own. Its pool has as many slots as there are workers, which the
// parent process says at the start and may change. The queue is as long again, and what comes beyond it is answered 503.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { GreenPool } from "@greenpool/core"
import { Effect, Random } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { serve } from "../gallery/serve.ts"

const program = Effect.gen(function*() {
  const pool = yield* GreenPool.make({ size: Number(process.argv[2]), maxWaiting: (size) => size })
  const answer = Effect.flatMap(Random.nextBetween(20, 60), (millis) => Effect.sleep(millis)).pipe(
    pool.run,
    Effect.as(HttpServerResponse.text("done\n")),
    Effect.catchTag("PoolFull", () => Effect.succeed(HttpServerResponse.text("too much\n", { status: 503 })))
  )
  const address = yield* serve(HttpRouter.add("GET", "/", answer))
  const runFork = Effect.runForkWith(yield* Effect.context())
  process.on("message", (workers) => void runFork(pool.resize(Number(workers))))
  process.on("disconnect", () => process.exit())
  process.send?.(address)
  return yield* Effect.never
})

NodeRuntime.runMain(Effect.scoped(program))
