/**
 * Where the jobs come from: the verbs of a pool, each as users use them.
 */
import { Effect, Stream } from "effect"
import type { GreenPool } from "../../src/index.ts"
import type { Random, Simulation } from "./simulation.ts"

type Job = Effect.Effect<void, "overload" | "failure">

export type Feed = (simulation: Simulation, random: Random, pool: GreenPool, job: Job) => void

function* without(end: unknown) {
  for (;;) yield end
}

/** So many fibers, each of which runs one job after another. */
const run = (fibers: number): Feed => (simulation, _, pool, job) => {
  for (let i = 0; i < fibers; i++) simulation.fork(Effect.forever(Effect.exit(pool.run(job))))
}

/** One fiber that spawns without end. */
const spawn: Feed = (simulation, _, pool, job) => void simulation.fork(Effect.forever(pool.spawn(job)))

const imap: Feed = (simulation, _, pool, job) =>
  void simulation.fork(Stream.runDrain(pool.imapExit(() => job, without(undefined))))

const imapUnordered: Feed = (simulation, _, pool, job) =>
  void simulation.fork(Stream.runDrain(pool.imapUnordered(() => Effect.exit(job), without(undefined))))

/** Callers that come at random, so many a second. */
const arrivals = (rate: number): Feed => (simulation, random, pool, job) => {
  const next = () =>
    simulation.after(-Math.log(1 - random()) / rate, () => {
      simulation.fork(Effect.exit(pool.run(job)))
      next()
    })
  next()
}

export const sources = { run, spawn, imap, imapUnordered, arrivals }
