// The server that is measured: a process of its own, so that what its readers cost isn't counted as its own.
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { GreenPool } from "@greenpool/core"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"
import { setFlagsFromString } from "node:v8"
import { Dashboard } from "../src/index.ts"

setFlagsFromString("--expose-gc")

/** What the script asks for, and what it is answered. */
export type Question = "url" | "busy" | "idle" | "cpu" | "heap" | "change" | "rate" | "close"

/** Jobs of a pool that take some time each: 20 pools so have some 2,000 changes a second. */
const work = (pool: GreenPool, i: number) => Effect.forever(pool.run(Effect.sleep(10 + (i * 7) % 30)))

const program = Effect.gen(function*() {
  const scope = yield* Scope.make()
  const pools = yield* Effect.forEach(
    Array.from({ length: 20 }, (_, i) => i),
    (i) => GreenPool.make({ name: `application/pool-${i}`, size: 1 + i % 4, metrics: true })
  )
  const app = HttpRouter.serve(Dashboard.layer({ pools: pools.map((pool) => Effect.succeed(pool)) }), {
    disableListenLog: true,
    disableLogger: true
  })
  const context = yield* Layer.build(
    Layer.provideMerge(app, NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 }))
  ).pipe(Scope.provide(scope))
  const fast = yield* GreenPool.make({ name: "fast", size: 8 })
  yield* Dashboard.show(fast).pipe(Scope.provide(scope), Effect.provideContext(context))
  let load = yield* Scope.make()

  const answers: Record<Question, Effect.Effect<unknown>> = {
    url: Effect.sync(() =>
      `${HttpServer.formatAddress(Context.get(context, HttpServer.HttpServer).address)}/greenpool`
    ),
    busy: Effect.gen(function*() {
      for (const [i, pool] of pools.entries()) {
        for (let n = 0; n < 6; n++) yield* Effect.forkIn(work(pool, i), load)
      }
    }),
    idle: Effect.gen(function*() {
      yield* Scope.close(load, Exit.void)
      load = yield* Scope.make()
    }),
    cpu: Effect.sync(() => {
      const { system, user } = process.cpuUsage()
      return { cpu: (system + user) / 1000, time: performance.now() }
    }),
    heap: Effect.sync(() => {
      globalThis.gc?.()
      const { external, heapUsed } = process.memoryUsage()
      return heapUsed + external
    }),
    // When the change was made, by the clock of this machine.
    change: Effect.andThen(
      Effect.flatMap(pools[0]!.size, (size) => Effect.orDie(pools[0]!.resize(size + 1))),
      Effect.sync(() => Date.now())
    ),
    // How many jobs the pool ends in a second, each of which yields once.
    rate: Effect.gen(function*() {
      const end = performance.now() + 1000
      let jobs = 0
      const worker = Effect.gen(function*() {
        while (performance.now() < end) {
          yield* fast.run(Effect.yieldNow)
          jobs++
        }
      })
      yield* Effect.all(Array.from({ length: 16 }, () => worker), { concurrency: "unbounded" })
      return jobs
    }),
    close: Effect.gen(function*() {
      const started = performance.now()
      yield* Scope.close(scope, Exit.void)
      return (performance.now() - started) / 1000
    })
  }
  const run = Effect.runPromiseWith(yield* Effect.context<never>())
  process.on(
    "message",
    (question: Question) => void run(answers[question]).then((answer) => process.send!({ question, answer }))
  )
  process.on("disconnect", () => process.exit())
  process.send!({ question: "ready" })
  return yield* Effect.never
})

Effect.runFork(Effect.scoped(program))
