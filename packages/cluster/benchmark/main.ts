/**
 * `pnpm bench:cluster`: three processes that share a budget, against one local pool of its size, against three local
 * pools of a third of it, and against a semaphore in Redis. Then durable jobs. Writes RESULTS.md.
 * `pnpm bench:cluster --quick`: some of it on little work and without Redis, to see that it runs; writes nothing.
 *
 * All contenders of a row run one after another in one run: only ratios can be compared.
 */
import { ClusterGreenPool, ClusterJob } from "@greenpool/cluster"
import { layerEmbedded } from "@greenpool/cluster/node"
import { GreenPool } from "@greenpool/core"
import { Effect, Layer, References, Schema } from "effect"
import { type ChildProcess, fork, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { freePort } from "../test/support/ports.ts"

export interface Contender {
  readonly kind: "local" | "cluster" | "redis"
  readonly size: number
  readonly millis: number
  readonly callers: number
  readonly port?: number | undefined
  readonly database: string
  readonly redis: number
}

const quick = process.argv.includes("--quick")
const seconds = quick ? 0.5 : 5
const rounds = quick ? 1 : 3

const folder = mkdtempSync(join(tmpdir(), "greenpool-bench-"))
const hasRedis = !quick && process.env["PATH"]!.split(delimiter).some((path) => existsSync(join(path, "redis-server")))
const redisPort = await freePort()
const redis = hasRedis
  ? spawn("redis-server", ["--port", String(redisPort), "--save", "", "--dir", folder], { stdio: "ignore" })
  : undefined

const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

let runs = 0

/** Jobs a second, over processes with so many callers each. */
const throughput = async (
  kind: Contender["kind"],
  sizes: ReadonlyArray<number>,
  callers: ReadonlyArray<number>,
  millis: number
): Promise<number> => {
  const database = join(folder, `${runs++}.db`)
  const children: Array<ChildProcess> = []
  for (const [index, size] of sizes.entries()) {
    // The last process is a client.
    const port = index < Math.max(1, sizes.length - 1) ? await freePort() : undefined
    const contender: Contender = { kind, size, millis, callers: callers[index]!, port, database, redis: redisPort }
    children.push(fork(join(import.meta.dirname, "contender.ts"), [JSON.stringify(contender)]))
  }
  try {
    await Promise.all(children.map((child) => once(child, "message")))
    // Runners find each other, and shards settle.
    await sleep(kind !== "cluster" ? 500 : quick ? 2000 : 4000)
    const counts = await Promise.all(children.map(async (child) => {
      child.send(seconds)
      const [count] = await once(child, "message")
      return count as number
    }))
    return counts.reduce((sum, count) => sum + count) / seconds
  } finally {
    await Promise.all(children.map((child) => {
      child.kill("SIGKILL")
      return once(child, "exit")
    }))
  }
}

const lines: Array<string> = []
const print = (line: string) => {
  lines.push(line)
  console.log(line)
}

const ratio = (value: number, of: number) => `${(value / of).toFixed(2)}`

print("| slots | job | busy processes | one local pool | cluster | three local pools | semaphore in Redis |")
print("| ----- | --- | -------------- | -------------- | ------- | ----------------- | ------------------ |")
const all = [[8, 20], [50, 50], [50, 5]] as const
for (const [size, millis] of quick ? all.slice(0, 1) : all) {
  for (const busy of quick ? [3] : [3, 1]) {
    const callers = [0, 1, 2].map((index) => index < busy ? 2 * size : 0)
    const total = 2 * size * busy
    const parts = [0, 1, 2].map((index) => Math.floor((size + index) / 3))
    const local: Array<number> = []
    const cluster: Array<number> = []
    const divided: Array<number> = []
    const semaphore: Array<number> = []
    for (let round = 0; round < rounds; round++) {
      local.push(await throughput("local", [size], [total], millis))
      cluster.push(await throughput("cluster", [size, size, size], callers, millis))
      if (!quick) divided.push(await throughput("local", parts, callers, millis))
      if (hasRedis) semaphore.push(await throughput("redis", [size, size, size], callers, millis))
    }
    const base = median(local)
    print(
      `| ${size} | ${millis} ms | ${busy} of 3 | ${base.toFixed(0)}/s | ${ratio(median(cluster), base)} |` +
        ` ${quick ? "" : ratio(median(divided), base)} | ${hasRedis ? ratio(median(semaphore), base) : "left out"} |`
    )
  }
}
redis?.kill()

// One process: what a pool of the cluster costs where all leases are its own, and durable jobs.
const Job = ClusterJob.make("benchmark", {
  payload: { n: Schema.Int },
  success: Schema.Int,
  idempotencyKey: ({ n }) => String(n)
})
const many = quick ? 500 : 20_000
const jobs = quick ? 50 : 2000

/** Milliseconds that an effect takes. */
const millisOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const start = performance.now()
    return Effect.map(effect, () => performance.now() - start)
  })

const repeatedly = <E, R>(effect: Effect.Effect<unknown, E, R>) =>
  Effect.map(
    Effect.forEach(Array.from({ length: quick ? 1 : 7 }), () => millisOf(effect)),
    median
  )

const inTurn = Effect.forEach(Array.from({ length: many }), () => GreenPool.run(Effect.void), { discard: true })
const concurrently = Effect.all(Array.from({ length: many }, () => GreenPool.run(Effect.yieldNow)), {
  concurrency: "unbounded",
  discard: true
})
const spawned = Effect.andThen(
  Effect.forEach(Array.from({ length: many }), () => GreenPool.spawn(Effect.yieldNow), { discard: true }),
  GreenPool.waitall
)

const onePool = GreenPool.layer({ size: 100 })
const embedded = ClusterGreenPool.layer({ name: "benchmark", size: 100 }).pipe(Layer.provide(layerEmbedded()))

print("")
print("| one process                     | one local pool | `layerEmbedded` |")
print("| ------------------------------- | -------------- | --------------- |")
for (
  const [what, effect] of Object.entries({
    "`run` in turn": inTurn,
    "`run`s at once": concurrently,
    "`spawn`, `waitall`": spawned
  })
) {
  const measured = (layer: typeof onePool | typeof embedded) =>
    Effect.runPromise(
      repeatedly(effect).pipe(
        Effect.provide(layer),
        Effect.provideService(References.MinimumLogLevel, "Error")
      )
    )
  const base = await measured(onePool)
  print(`| ${many} times ${what} | ${base.toFixed(0)} ms | ${ratio(await measured(embedded), base)} |`)
}

const durable = Effect.gen(function*() {
  const all = Effect.forEach(Array.from({ length: jobs }, (_, n) => n), (n) => Job.run({ n }), {
    concurrency: 64,
    discard: true
  })
  const first = yield* millisOf(all)
  const again = yield* millisOf(all)
  return { first: jobs / first * 1000, again: jobs / again * 1000 }
}).pipe(
  Effect.provide(
    Job.toLayer(({ n }) => Effect.succeed(n)).pipe(
      Layer.provideMerge(GreenPool.layer({ size: 64 })),
      Layer.provideMerge(layerEmbedded({ filename: join(folder, "jobs.db") }))
    )
  ),
  Effect.provideService(References.MinimumLogLevel, "Error")
)
const { again, first } = await Effect.runPromise(durable)
print("")
print(`Durable jobs over SQLite: ${first.toFixed(0)}/s, stored results again ${again.toFixed(0)}/s.`)

rmSync(folder, { recursive: true, force: true })
if (!quick) {
  writeFileSync(
    join(import.meta.dirname, "RESULTS.md"),
    `# Results of \`pnpm bench:cluster\`

Jobs a second of three processes, as a part of what one pool of all slots does in one process. Callers always want a slot, two for each slot in each busy process. "Three local pools" have a third of the slots each: what idle processes have, others can't use. The semaphore is \`redis-semaphore\`, with its defaults.

${lines.slice(0, lines.indexOf("")).join("\n")}

Times of one process, as a part of the first column.

${lines.slice(lines.indexOf("") + 1).join("\n")}

${
      new Date().toISOString().slice(0, 10)
    }, Node ${process.versions.node}, ${availableParallelism()} processors, medians of ${rounds} rounds. Compare figures of one run only.
`
  )
}
process.exit()
