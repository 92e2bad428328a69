/**
 * A pile as the contract describes it.
 */
import { block, Interrupted, type Runtime, type Steps } from "./fibers.ts"
import type { Job, Pool } from "./model.ts"

/** A result that is outstanding. */
export interface Entry {
  readonly number: number
  readonly job: Job
  exit: string | undefined
}

interface Reader {
  readonly give: (exit: string) => void
  entry: Entry | undefined
}

export class Pile {
  readonly pool: Pool
  closed = false
  readonly #runtime: Runtime
  readonly #jobs: Array<Job> = []
  readonly #entries: Array<Entry> = []
  readonly #readers: Array<Reader> = []

  constructor(runtime: Runtime, pool: Pool) {
    this.#runtime = runtime
    this.pool = pool
    pool.onClose.add(() => this.deliver())
  }

  add(job: Job): Entry {
    const entry: Entry = { number: this.#jobs.push(job), job, exit: undefined }
    this.#entries.push(entry)
    return entry
  }

  /** What will never start is not outstanding. */
  drop(entry: Entry): void {
    remove(this.#entries, entry)
    this.deliver()
  }

  /** The exit of the next job, in order, or `none`. An interruption loses nothing. */
  *take(): Steps<string> {
    let reader: Reader | undefined
    try {
      const exit = yield* block<string>((give) => {
        reader = { give, entry: undefined }
        this.#readers.push(reader)
        this.deliver()
      })
      if (exit !== "closed") return exit
    } catch (raised) {
      if (reader === undefined) throw raised
      remove(this.#readers, reader)
      if (reader.entry !== undefined) {
        this.#entries.push(reader.entry)
        this.#entries.sort((one, other) => one.number - other.number)
      }
      this.deliver()
      throw raised
    }
    throw Interrupted
  }

  /** Gives the first result to the first reader, soon, and so on. */
  deliver(): void {
    this.#runtime.soon(() => {
      const [reader] = this.#readers
      const [entry] = this.pool.closed ? [] : this.#entries
      const given = this.pool.closed ? "closed" : entry === undefined ? "none" : entry.exit
      if (reader === undefined || given === undefined) return
      if (entry !== undefined) reader.entry = this.#entries.shift()
      reader.give(given)
      this.#readers.shift()
      this.deliver()
    })
  }

  /** Refuses who waits in `spawn`, and gives the jobs that run. */
  close(): ReadonlyArray<Job> {
    this.closed = true
    for (const entry of Array.from(this.#entries)) {
      if (entry.job.state !== "waiting") continue
      this.pool.leave(entry.job)
      entry.job.onRefuse()
      this.drop(entry)
    }
    return this.#jobs
  }
}

const remove = <A>(from: Array<A>, what: A): void => {
  if (from.includes(what)) from.splice(from.indexOf(what), 1)
}
