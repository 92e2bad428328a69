/** What happens to slots, jobs and callers when a process of a cluster fails. */
import assert from "node:assert/strict"
import { setTimeout as sleep } from "node:timers/promises"
import { freePort } from "../support/ports.ts"
import { Cluster, type Timings } from "./cluster.ts"
import { longestStop, now, running } from "./events.ts"
import { Wire } from "./wire.ts"

/** Those of a cluster that is not told otherwise. */
export const defaultTimings: Timings = { lease: 15_000, heartbeat: 3000, grace: 1000, reclaimAfter: 2000, sharding: {} }

/** Those of tests that must not take long. */
export const shortTimings: Timings = {
  lease: 6000,
  heartbeat: 500,
  grace: 500,
  reclaimAfter: 500,
  sharding: {
    shardsPerGroup: 16,
    shardLockExpiration: 2000,
    shardLockRefreshInterval: 500,
    refreshAssignmentsInterval: 200,
    runnerHealthCheckInterval: 500,
    entityMessagePollInterval: 300,
    entityReplyPollInterval: 50
  }
}

export interface Setting {
  readonly timings: Timings
  /** The URL of a PostgreSQL server. Default: SQLite. */
  readonly database?: string
}

/** What a scenario has measured, by name, in seconds or as numbers. */
export type Figures = Readonly<Record<string, number>>

export type Scenario = (setting: Setting) => Promise<Figures>

const size = 6

const begin = (setting: Setting) => new Cluster({ ...setting, size, jobMillis: 40 })

/** Starts runners and clients at the same time. Returns the ports of the runners. */
const startAll = async (cluster: Cluster, runners: ReadonlyArray<string>, clients: ReadonlyArray<string>) => {
  const ports = new Map<string, number>()
  for (const name of runners) ports.set(name, await freePort())
  await Promise.all([
    ...runners.map((name) => cluster.start(name, { port: ports.get(name)! })),
    ...clients.map((name) => cluster.start(name))
  ])
  return ports
}

/** The most jobs that ran at the same time, which must not be more than the size. */
const checkLimit = (cluster: Cluster): number => {
  const most = Math.max(...running(cluster.events(), cluster.absences).map(({ count }) => count))
  assert.ok(most <= size, `${most} jobs ran at the same time, of ${size}`)
  return most
}

/** The longest time in which none of the processes started a job, which must not be long. */
const checkFlow = (cluster: Cluster, from: number, to: number, ...names: ReadonlyArray<string>): number => {
  const stop = longestStop(cluster.events(...names), from, to)
  assert.ok(stop < 1, `Nothing started for ${stop} s`)
  return stop
}

/** How long it takes from a time on until the processes use all slots. */
const untilFull = async (cluster: Cluster, since: number, seconds: number, ...names: ReadonlyArray<string>) => {
  const full = () =>
    running(cluster.events(...names), cluster.absences).find(({ count, time }) => time > since && count >= size)
  await cluster.until("all slots to be used again", seconds, () => full() !== undefined)
  return full()!.time - since
}

/** Ends the runner that is the coordinator, as the client says: another one takes over, and stops nobody. */
const endCoordinator = async (
  cluster: Cluster,
  ports: ReadonlyMap<string, number>,
  client: string,
  signal: "SIGKILL" | "SIGTERM",
  ...others: ReadonlyArray<string>
) => {
  /** The runner that hands the slots out, as the client has heard last. */
  const find = () => {
    const address = cluster.of(client).findLast(({ what }) => what === "coordinator")?.words[0]
    return [...ports].find(([, port]) => address === `localhost:${port}`)?.[0]
  }
  await cluster.until("the coordinator to answer", 20, () => find() !== undefined)
  const coordinator = find()!
  const survivor = [...ports.keys()].find((name) => name !== coordinator)!
  const living = [survivor, client, ...others]
  await sleep(1000)
  const at = cluster.signal(coordinator, signal)
  const failover = await cluster.until("a new coordinator", 25, () => find() === survivor)
  await cluster.ended(coordinator)
  // One that is told to end gives its slots back before it goes.
  const full = await untilFull(cluster, at, signal === "SIGTERM" ? 4 : 25, ...living)
  await sleep(500)
  // Those that live go on with the leases that they have.
  const stop = checkFlow(cluster, at, now(), ...living)
  assert.equal(cluster.events(...living).filter(({ what }) => what === "interrupted").length, 0)
  return { coordinator, survivor, figures: { failover, slotsBack: full, longestStop: stop } }
}

/** First the coordinator, then a client, in one cluster: it takes fewer processes. */
const bothKilled: Scenario = async (setting) => {
  await using cluster = begin(setting)
  const ports = await startAll(cluster, ["first", "second"], ["a", "b"])
  const { figures, survivor } = await endCoordinator(cluster, ports, "b", "SIGKILL", "a")
  await sleep(1000)
  const at = cluster.signal("a", "SIGKILL")
  const full = await untilFull(cluster, at, 10, survivor, "b")
  await sleep(500)
  const reclaimAfter = setting.timings.reclaimAfter / 1000
  assert.ok(full < reclaimAfter + 3, `The slots were free after ${full} s`)
  assert.ok(full > reclaimAfter - 0.2, `The slots were free after ${full} s already`)
  checkFlow(cluster, at, now(), survivor, "b")
  return { most: checkLimit(cluster), ...figures, clientsSlotsBack: full }
}

const everybodyKilled: Scenario = async (setting) => {
  await using cluster = begin(setting)
  const ports = await startAll(cluster, ["runner"], ["client"])
  await sleep(1000)
  cluster.signal("client", "SIGKILL")
  const at = cluster.signal("runner", "SIGKILL")
  await Promise.all([cluster.start("again", { port: ports.get("runner")! }), cluster.start("another")])
  const first = cluster.events("again", "another").find(({ what }) => what === "start")!.time - at
  const full = await untilFull(cluster, at, setting.timings.lease / 1000 + 15, "again", "another")
  return { most: checkLimit(cluster), firstStart: first, slotsBack: full }
}

const coordinatorTerminated: Scenario = async (setting) => {
  await using cluster = begin(setting)
  const ports = await startAll(cluster, ["first", "second"], ["client"])
  const { coordinator, figures } = await endCoordinator(cluster, ports, "client", "SIGTERM")
  // It interrupts its own jobs, and says so, before it ends.
  const count = (word: string) => cluster.of(coordinator).filter(({ what }) => what === word).length
  assert.equal(count("start"), count("end") + count("interrupted"))
  return { most: checkLimit(cluster), ...figures }
}

const clientFrozen: Scenario = async (setting) => {
  await using cluster = begin(setting)
  await startAll(cluster, ["runner"], ["frozen", "other"])
  await sleep(1000)
  const from = cluster.signal("frozen", "SIGSTOP")
  const full = await untilFull(cluster, from, setting.timings.lease / 1000 + 5, "runner", "other")
  await sleep(setting.timings.lease - 1000 * (now() - from) + 1000)
  const to = cluster.signal("frozen", "SIGCONT")
  await sleep(2000)
  // In its first turn it stops what it has. A busy machine takes a moment to give it that turn.
  cluster.absences.push({ process: "frozen", from, to: to + 0.3 })
  const starts = cluster.of("frozen").filter(({ time, what }) => what === "start" && time > to)
  assert.ok(starts.length > 0, "It got no slots again")
  const stop = checkFlow(cluster, from, now(), "runner", "other")
  return { most: checkLimit(cluster), slotsBack: full, startsAgain: starts[0]!.time - to, longestStop: stop }
}

const wireCut: Scenario = async (setting) => {
  const [port, listenPort] = [await freePort(), await freePort()]
  await using cluster = begin(setting)
  await using wire = await Wire.lay(port, listenPort)
  await Promise.all([cluster.start("runner", { port, listenPort }), cluster.start("client")])
  await sleep(1000)
  const at = now()
  wire.cut()
  const full = await untilFull(cluster, at, setting.timings.lease / 1000 + 5, "runner")
  const stopped = cluster.of("client").findLast(({ what }) => what === "interrupted")!.time - at
  await sleep(500)
  const mended = now()
  wire.mend()
  const starts = () => cluster.of("client").filter(({ time, what }) => what === "start" && time > mended)
  await cluster.until("the client to run jobs again", 20, () => starts().length > size)
  // The client stops before the runner starts in its place: nobody is excused.
  assert.ok(stopped < full, `The client stopped after ${stopped} s`)
  const stop = checkFlow(cluster, at, mended, "runner")
  const startsAgain = starts()[0]!.time - mended
  return { most: checkLimit(cluster), stopped, slotsBack: full, startsAgain, longestStop: stop }
}

const durableKilled: Scenario = async (setting) => {
  await using cluster = begin(setting)
  const count = 400
  const ports = new Map([["first", await freePort()], ["second", await freePort()]])
  await Promise.all([...ports].map(([name, port]) => cluster.start(name, { port, callers: 1 })))
  await cluster.start("client", { callers: 0, durable: count })
  const results = () => cluster.of("client").filter(({ what }) => what === "result")
  await cluster.until("the first results", 20, () => results().length > count / 8)
  const at = cluster.signal("first", "SIGKILL")
  const before = results().length
  const took = await cluster.until("all results", 60, () => results().length === count)
  assert.deepEqual(results().map(({ words }) => Number(words[0])), Array.from({ length: count }, (_, n) => n))
  const bodies = cluster.events("first", "second").filter(({ what }) => what === "body").length
  const twice = bodies - count
  // Those that ran, and those whose result was not written yet.
  assert.ok(twice >= 0 && twice <= 3 * size, `${twice} bodies ran twice`)
  const stop = Math.max(...results().map(({ time }, index, all) => time - Math.max(at, all[index - 1]?.time ?? at)))
  return { most: checkLimit(cluster), before, took, ranTwice: twice, longestStop: stop }
}

export const scenarios = { bothKilled, everybodyKilled, coordinatorTerminated, clientFrozen, wireCut, durableKilled }
