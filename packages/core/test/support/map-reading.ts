/**
 * A map that the test reads, with its jobs in the hands of the test.
 */
import { countedSources } from "./counted-sources.ts"
import { MapJobs } from "./map-jobs.ts"
import { Reader } from "./reader.ts"
import { mapOf, type Verb } from "./verbs.ts"
import { World } from "./world.ts"

interface Reading {
  readonly verb?: Verb
  /** The kind of source. */
  readonly from?: typeof countedSources[number]
  /** How many items it has. Default: no end of them. */
  readonly length?: number
}

/** A pool of this size in a world of its own, and a reader of a map, which takes nothing before it pulls. */
export const readMap = (size: number, { from = countedSources[0], length, verb = "imap" }: Reading = {}) => {
  const world = new World()
  const pool = world.pool(size)
  const jobs = new MapJobs()
  const { counts, source } = from.make(length)
  return { world, pool, jobs, source: counts, reader: new Reader(world, mapOf(pool, verb)(jobs.job, source)) }
}
