/**
 * `pnpm bench`: this library against its rivals, and the table in RESULTS.md.
 * `pnpm bench --quick`: every row once on little work, to see that it runs; writes nothing.
 * `pnpm bench SUBJECT`: the rows of one subject (maps, spawns, runs, peers, observation, adaptive, memory, weight); writes nothing.
 *
 * Rows of one subject share a process of their own: what an engine has seen of other subjects would change their times.
 */
import { Effect, type Scope, Semaphore, Stream } from "effect"
import { fork } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { cpus } from "node:os"
import { fileURLToPath } from "node:url"
import { GreenPool } from "../dist/index.js"
import { map, promises, run, spawn } from "./contestants.ts"
import { all, Immediate, type Job, Microtask, Sleep, unevenSeconds, Void, YieldNow } from "./jobs.ts"
import { type Contestant, liveHeap, measure, median, type Plan, ratio, virtualSeconds } from "./measure.ts"
import { type Library, measurePeer } from "./peers.ts"
import { bundled, importTime, library } from "./weight.ts"

const quick = process.argv.includes("--quick")
const plan: Plan = quick ? { rounds: 1, warmUps: 0, laps: 1 } : { rounds: 5, warmUps: 6, laps: 5 }
/** For what takes seconds, and is optimised within them. */
const slowPlan: Plan = quick ? plan : { rounds: 9, warmUps: 0, laps: 1 }
const N = quick ? 500 : 20_000
const Size = 100

interface Row {
  readonly what: string
  readonly rival: string
  readonly ours: string
  readonly theirs: string
  readonly ratio: number
  readonly limit?: number | undefined
}

const rows: Array<Row> = []
const notes: Array<string> = []

/** What the process of a subject tells. */
interface Told {
  readonly rows: ReadonlyArray<Row>
  readonly notes: ReadonlyArray<string>
}

const milliseconds = (value: number): string => `${value.toFixed(value < 10 ? 2 : 1)} ms`

const add = (row: Row): void => {
  rows.push(row)
  const limit = row.limit === undefined || quick
    ? ""
    : row.ratio <= row.limit
    ? `  (limit ${row.limit})`
    : `  OVER ${row.limit}`
  console.log(`${row.what.padEnd(44)} ${row.rival.padEnd(34)} ${row.ratio.toFixed(3)}${limit}`)
}

/** Ours against the others, which `limits` may bound. */
const compare = async (
  what: string,
  contestants: Record<"ours" | (string & {}), Contestant>,
  limits: Record<string, number> = {},
  with_: Plan = plan
): Promise<void> => {
  const { ours = [], ...rivals } = await measure(contestants, with_)
  for (const [rival, times] of Object.entries(rivals)) {
    add({
      what,
      rival,
      ours: milliseconds(median(ours)),
      theirs: milliseconds(median(times)),
      ratio: ratio(ours, times),
      limit: limits[rival]
    })
  }
}

const countOf = (job: Job): number => job.name.startsWith("sleep") ? N / 10 : N

const maps = async (): Promise<void> => {
  const mapEffect: Record<string, number> = { void: 0.2, yieldNow: 0.33, microtask: 0.33, setImmediate: 0.36 }
  const forEach: Record<string, number> = { yieldNow: 1.15, microtask: 1.35, setImmediate: 1.2 }
  for (const job of all) {
    const n = countOf(job)
    await compare(`imap, ${job.name} jobs`, {
      ours: map.ours(n, Size, job.effect),
      "Stream.mapEffect": map.mapEffect(n, Size, job.effect),
      "Effect.forEach, all in memory": map.forEach(n, Size, job.effect),
      "p-map, all in memory": map.pMap(n, Size, job.promise)
    }, {
      ...(job.name in mapEffect ? { "Stream.mapEffect": mapEffect[job.name] ?? 0 } : {}),
      ...(job.name in forEach ? { "Effect.forEach, all in memory": forEach[job.name] ?? 0 } : {}),
      ...(job === Immediate ? { "p-map, all in memory": 1.5 } : {})
    })
  }
  for (const job of [Void, YieldNow, Microtask, Immediate]) {
    await compare(`imapUnordered, ${job.name} jobs`, {
      ours: map.oursUnordered(N, Size, job.effect),
      "Stream.mapEffect, unordered": map.mapEffect(N, Size, job.effect, true)
    })
  }
  await uneven()
}

/** How well ordered maps use 8 slots when the first of the jobs in flight may be slow, in virtual time. */
const uneven = async (): Promise<void> => {
  const slots = 8
  const busy = unevenSeconds.reduce((sum, seconds) => sum + seconds) / slots
  const ours = await virtualSeconds(map.oursOfSleeps(unevenSeconds, slots, 64))
  const rivals: Record<string, number> = {
    "the same with a window of 8": await virtualSeconds(map.oursOfSleeps(unevenSeconds, slots, slots)),
    "Stream.mapEffect": await virtualSeconds(map.mapEffectOfSleeps(unevenSeconds, slots)),
    "Effect.forEach, all in memory": await virtualSeconds(map.forEachOfSleeps(unevenSeconds, slots)),
    "all slots busy (floor)": busy
  }
  const text = (seconds: number): string => `${seconds.toFixed(1)} s, ${(busy / seconds * 100).toFixed(0)} % busy`
  for (const [rival, theirs] of Object.entries(rivals)) {
    add({
      what: `imap, ${unevenSeconds.length} uneven jobs, window 64, size 8`,
      rival,
      ours: text(ours),
      theirs: text(theirs),
      ratio: ours / theirs,
      // 80 % busy
      limit: rival === "all slots busy (floor)" ? 1.25 : undefined
    })
  }
}

const spawns = async (): Promise<void> => {
  for (const job of all) {
    const n = countOf(job)
    await compare(`spawn loop + waitall, ${job.name} jobs`, {
      ours: spawn.ours(n, Size, job.effect),
      "Semaphore.take + forkIn": spawn.semaphoreForkIn(n, Size, job.effect),
      "FiberSet.run, no limit": spawn.fiberSet(n, job.effect),
      "forkChild, no limit (floor)": spawn.fork(n, job.effect)
    }, { "Semaphore.take + forkIn": 0.6 })
  }
  await compare("spawnN loop + waitall, yieldNow jobs", {
    ours: spawn.oursN(N, Size, YieldNow.effect),
    "Semaphore.take + forkIn": spawn.semaphoreForkIn(N, Size, YieldNow.effect)
  })
  for (const job of [Microtask, Immediate]) {
    await compare(`spawn loop + waitall, ${job.name} jobs`, {
      ours: spawn.ours(N, Size, job.effect),
      "p-limit": promises.pLimit(N, Size, job.promise),
      "p-queue": promises.pQueue(N, Size, job.promise),
      fastq: promises.fastq(N, Size, job.promise),
      "async.queue": promises.async(N, Size, job.promise)
    })
  }
}

const observation = async (): Promise<void> => {
  const job = YieldNow.effect
  await compare("spawn loop + waitall, yieldNow jobs, metrics", {
    ours: spawn.ours(N, Size, job, { metrics: true }),
    "the same without metrics": spawn.ours(N, Size, job)
  }, { "the same without metrics": 1.15 })
  // here all but a hundred wait
  await compare(`run from ${N} fibers, yieldNow jobs, tracing`, {
    ours: run.oursFibers(N, Size, job, { tracing: true }),
    "the same without tracing": run.oursFibers(N, Size, job)
  })
  await compare(`run from ${N} fibers, yieldNow jobs, slowWait`, {
    ours: run.oursFibers(N, Size, job, { slowWait: "1 minute" }),
    "the same without slowWait": run.oursFibers(N, Size, job)
  })
  await compare("spawn loop + waitall, yieldNow jobs, changes", {
    ours: spawn.oursWatched(N, Size, job),
    "the same with nobody who reads": spawn.ours(N, Size, job)
  })
}

/** What it costs to watch the jobs: the size cannot move here. */
const adaptive = async (): Promise<void> => {
  const job = YieldNow.effect
  const on = { adaptive: { min: Size, max: Size } }
  const limits = { "the same with a fixed size": 1.3 }
  await compare(`run from ${N} fibers, yieldNow jobs, adaptive`, {
    ours: run.oursFibers(N, Size, job, on),
    "the same with a fixed size": run.oursFibers(N, Size, job)
  }, limits)
  await compare("spawn loop + waitall, yieldNow jobs, adaptive", {
    ours: spawn.ours(N, Size, job, on),
    "the same with a fixed size": spawn.ours(N, Size, job)
  }, limits)
  await compare("imap, yieldNow jobs, adaptive", {
    ours: map.ours(N, Size, job, on),
    "the same with a fixed size": map.ours(N, Size, job)
  }, limits)
}

const runs = async (): Promise<void> => {
  await compare("run in a loop, free pool, void jobs", {
    ours: run.oursLoop(N, Size, Effect.void),
    "Semaphore.withPermit": run.permitLoop(N, Size, Effect.void)
  }, { "Semaphore.withPermit": 1.2 })
  await compare("run in a loop, free pool, yieldNow jobs", {
    ours: run.oursLoop(N, Size, Effect.yieldNow),
    "Semaphore.withPermit": run.permitLoop(N, Size, Effect.yieldNow)
  })
  const many = `run from ${N} fibers, yieldNow jobs`
  await compare(many, {
    ours: run.oursFibers(N, Size, Effect.yieldNow),
    "Effect.forEach of the bare jobs (floor)": run.bareFibers(N, Effect.yieldNow)
  }, { "Effect.forEach of the bare jobs (floor)": 1.8 })
  await compare(
    many,
    {
      ours: run.oursFibers(N, Size, Effect.yieldNow),
      "Semaphore.withPermit": run.permitFibers(N, Size, Effect.yieldNow)
    },
    { "Semaphore.withPermit": 0.02 },
    quick ? plan : { ...slowPlan, rounds: 3 }
  )
  const waiters = quick ? 500 : 100_000
  const keys = quick ? 50 : 10_000
  await compare(
    `run from ${waiters} fibers with ${keys} keys`,
    {
      ours: run.keyedFibers(waiters, Size, keys, Effect.yieldNow),
      "run without keys": run.oursFibers(waiters, Size, Effect.yieldNow)
    },
    {},
    slowPlan
  )
  await compare(
    `run from ${waiters} fibers with priorities`,
    {
      ours: run.prioritisedFibers(waiters, Size, Effect.yieldNow),
      "run without priorities": run.oursFibers(waiters, Size, Effect.yieldNow)
    },
    {},
    slowPlan
  )
  const [few, more] = quick ? [100, 1_000] : [100_000, 1_000_000]
  const growth = await measure({
    few: run.oursFibers(few, Size, Effect.yieldNow),
    more: run.oursFibers(more, Size, Effect.yieldNow)
  }, slowPlan)
  add({
    what: `run from ${more} fibers`,
    rival: `run from ${few} fibers (10 is linear)`,
    ours: milliseconds(median(growth.more)),
    theirs: milliseconds(median(growth.few)),
    // laps of such different lengths do not stand side by side
    ratio: median(growth.more) / median(growth.few),
    limit: 12
  })
}

const peers = async (): Promise<void> => {
  const ours = {
    spawn: await measure({ ours: spawn.ours(N, Size, YieldNow.effect) }, plan),
    imap: await measure({ ours: map.ours(N, Size, YieldNow.effect) }, plan)
  }
  for (const library of ["eventlet", "gevent"] satisfies Array<Library>) {
    for (const verb of ["spawn", "imap"] as const) {
      const theirs = await measurePeer(library, verb, N, Size)
      if (theirs === undefined) {
        notes.push(`${library} ${verb}: left out, Python or the library is missing here.`)
        continue
      }
      add({
        what: verb === "spawn" ? "spawn loop + waitall, yieldNow jobs" : "imap, yieldNow jobs",
        rival: `${library}, sleep(0) jobs`,
        ours: milliseconds(median(ours[verb].ours)),
        theirs: milliseconds(theirs),
        ratio: median(ours[verb].ours) / theirs,
        limit: 0.15
      })
    }
  }
}

const kibibytes = (value: number): string => `${(value / 1024).toFixed(value < 1024 * 10 ? 2 : 0)} KiB`

const memory = async (): Promise<void> => {
  const waiters = quick ? 1_000 : 100_000
  const waiting = (wait: Effect.Effect<Effect.Effect<unknown>, unknown, Scope.Scope>) =>
    Effect.runPromise(Effect.scoped(Effect.gen(function*() {
      const job = yield* wait
      const before = liveHeap()
      for (let i = 0; i < waiters; i++) yield* Effect.forkScoped(job)
      yield* Effect.yieldNow
      yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
      return (liveHeap() - before) / waiters
    })))
  const ours = await waiting(Effect.map(GreenPool.make({ size: 0 }), (pool) => pool.run(Effect.void)))
  const theirs = await waiting(Effect.map(Semaphore.make(0), (semaphore) => semaphore.withPermit(Effect.void)))
  add({
    what: "memory per waiting run, its fiber included",
    rival: "Semaphore.withPermit",
    ours: kibibytes(ours),
    theirs: kibibytes(theirs),
    ratio: ours / theirs,
    limit: 1.2
  })

  const items = quick ? 10_000 : 10_000_000
  const range = function*() {
    for (let i = 0; i < items; i++) yield i
  }
  const growth = await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
    const pool = yield* GreenPool.make({ size: Size })
    let seen = 0
    let first = 0
    let most = 0
    yield* pool.imap((i) => i % 1000 === 0 ? Effect.as(Effect.yieldNow, i) : Effect.succeed(i), range()).pipe(
      Stream.runForEachArray((chunk) =>
        Effect.sync(() => {
          const before = Math.floor(seen / (items / 20))
          seen += chunk.length
          if (Math.floor(seen / (items / 20)) === before) return
          const heap = liveHeap()
          first ||= heap
          most = Math.max(most, heap)
        })
      )
    )
    return most - first
  })))
  add({
    what: `growth of the live heap over imap of ${items} items`,
    rival: "flat is less than 4 MiB",
    ours: kibibytes(growth),
    theirs: "4096 KiB",
    ratio: growth / (4 * 1024 * 1024),
    limit: 1
  })
}

/** What the library weighs. `adaptive`, keys and metrics are options of the pool, so they are in each bundle of it. */
const weight = async (): Promise<void> => {
  const limit = 20 * 1024
  for (const names of [["GreenPool"], ["GreenPool", "GreenPile", "GreenPoolLive"], ["PoolFull", "InvalidPoolSize"]]) {
    const bytes = await bundled(names)
    add({
      what: `import { ${names.join(", ")} }, minified and gzipped`,
      rival: "20 KiB, without effect",
      ours: kibibytes(bytes),
      theirs: kibibytes(limit),
      ratio: bytes / limit,
      limit: 1
    })
  }
  const rounds = quick ? 1 : 15
  const ours = importTime(library, rounds)
  const theirs = importTime("effect", rounds)
  add({
    what: "a program that imports the library",
    rival: "a program that imports effect",
    ours: milliseconds(ours),
    theirs: milliseconds(theirs),
    ratio: ours / theirs
  })
}

const table = (): string => {
  const cells = rows.map((row) => [
    row.what,
    row.rival,
    row.ours,
    row.theirs,
    row.ratio.toFixed(row.ratio < 0.1 ? 3 : 2),
    row.limit === undefined ? "" : String(row.limit)
  ])
  const header = ["what", "rival", "ours", "rival's", "ours / rival", "at most"]
  const widths = header.map((title, i) => Math.max(title.length, ...cells.map((row) => row[i]?.length ?? 0)))
  const line = (row: ReadonlyArray<string>) => `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(" | ")} |`
  return [line(header), line(widths.map((width) => "-".repeat(width))), ...cells.map(line)].join("\n")
}

const version = (name: string): string =>
  (JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), "utf8")) as {
    readonly version: string
  }).version

const writeResults = (): void => {
  const rivals = ["effect", "p-limit", "p-queue", "p-map", "fastq", "async"].map((name) => `${name} ${version(name)}`)
  writeFileSync(
    fileURLToPath(new URL("RESULTS.md", import.meta.url)),
    `# Results

Written by \`pnpm bench\` on ${
      new Date().toISOString().slice(0, 10)
    }. Lower is better; "at most" is the project's own limit.
${N} jobs on a pool of ${Size} (${countOf(Sleep)} for jobs that sleep), unless said otherwise.
All contestants of a subject run in turn in one process, ${plan.rounds} times ${plan.laps} laps after ${plan.warmUps} that are not counted.
Times are medians, and ratios those of laps side by side: the machine is shared, trust the ratios.

${cpus()[0]?.model.trim()}, ${cpus().length} cores; Node ${process.version}; ${rivals.join(", ")}.

${table()}
${notes.map((note) => `\n${note}`).join("\n")}`
  )
}

const subjects = { maps, spawns, runs, peers, observation, adaptive, memory, weight }

/** Measures one subject in a process of its own, and adds what it has to tell. */
const measureApart = (subject: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = fork(import.meta.filename, [...process.argv.slice(2), subject])
    child.on("message", (told: Told) => {
      rows.push(...told.rows)
      notes.push(...told.notes)
    })
    child.on("exit", (code) => code === 0 ? resolve() : reject(new Error(`${subject} ended with ${code}`)))
  })

const subject = Object.entries(subjects).find(([name]) => process.argv.includes(name))
if (subject !== undefined) {
  await subject[1]()
  process.send?.({ rows, notes } satisfies Told)
  if (process.connected) process.disconnect()
} else {
  for (const name of Object.keys(subjects)) await measureApart(name)
  if (!quick) writeResults()
}
