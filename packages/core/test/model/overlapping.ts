/**
 * Runs a program on the library alone, with steps that overlap: the next one begins before the last one has come to
 * rest, under a random schedule. What then happens depends on the schedule; what must hold is checked in each turn.
 */
import { Actual } from "./actual.ts"
import type { Order, OrderOf, Program } from "./program.ts"
import { Random } from "./random.ts"
import { type Finding, perform, type Tally } from "./run.ts"
import { Simulation } from "./scheduler.ts"

export const runOverlapping = (program: Program, seed: number, tally: Tally): Promise<Finding | undefined> => {
  const random = new Random(~seed)
  const actual = new Actual(program, new Simulation(new Random(seed)))
  const { simulation } = actual
  const watch = new Watch(actual)
  return perform(program, actual, tally, async (step, isLast) => {
    const patience = isLast ? Infinity : random.pick([0, 1, 2, 4, 10, Infinity])
    // What promises have done since the last step.
    simulation.onTask()
    if ("interrupt" in step) watch.isInterrupted = true
    if ("to" in step) watch.onOrder(step.to, step.order)
    actual.perform(step)
    simulation.onTask()
    for (let task = 0; task < patience && watch.problems.length === 0; task++) if (!simulation.step()) break
    if (patience === Infinity) await simulation.settle()
    return watch.problems
  })
}

/** What holds at every moment, whatever the schedule. */
class Watch {
  readonly problems: Array<string> = []
  /** Whether anything has been interrupted: an interrupted pull may take results with it. */
  isInterrupted = false
  readonly #actual: Actual
  readonly #running: Array<number>
  readonly #closed = new Set<number>()
  /** The pool of each job, and of the jobs of each pile, and of the items of each map. */
  readonly #pools = new Map<string, number>()
  /** The bodies and finalizers of jobs that are running, by their pool. */
  readonly #live: ReadonlyArray<Set<string>>
  /** What has come out of each map. */
  readonly #results = new Map<string, Array<number>>()
  readonly #maps = new Map<string, OrderOf<"map">>()
  /** What has come out of piles. */
  readonly #read = new Set<string>()
  /** Who spawned each job of a pile, and the last one of his that each reader has read. */
  readonly #spawners = new Map<string, string>()
  readonly #lastRead = new Map<string, number>()

  constructor(actual: Actual) {
    this.#actual = actual
    this.#running = actual.pools.map(() => 0)
    this.#live = actual.pools.map(() => new Set())
    actual.simulation.onTask = () => this.#check()
    actual.board.onStatus = (actor, status) => this.#onStatus(actor, status)
    actual.board.onNote = (actor, text) => this.#onNote(actor, text)
  }

  onOrder(to: string, order: Order): void {
    if (order.op === "map") {
      this.#pools.set(`map ${order.body.id}`, order.pool)
      this.#maps.set(order.body.id, order)
    } else if (order.op === "pile") {
      if (order.pool !== undefined) this.#pools.set(`pile ${order.body.id}`, order.pool)
    } else if (order.op === "pileSpawn") {
      this.#spawners.set(order.body.id, `${to} on ${order.pile}`)
      const pool = this.#pools.get(`pile ${order.pile}`)
      if (pool !== undefined) this.#pools.set(order.body.id, pool)
    } else if (order.op === "close") {
      this.isInterrupted = true
      this.#closed.add(order.pool)
    } else if ("ask" in order && (order.op !== "takeScoped" || order.within)) {
      this.#pools.set(order.body.id, order.pool)
    }
  }

  #onStatus(actor: string, status: string): void {
    // A job that interrupts itself takes the fibers that its own has forked with it.
    if (status === "over: interrupted") this.isInterrupted = true
    const pool = this.#pools.get(actor.includes(".") ? `map ${actor.split(".")[0]}` : actor)
    if (pool === undefined) return
    if (status === "started") this.#live[pool]!.add(actor)
    if (status === "leaving" || status.startsWith("over")) this.#live[pool]!.delete(actor)
  }

  #onNote(actor: string, text: string): void {
    const [verb, what] = text.split(/: | gave /)
    if (["next", "results", "exits"].includes(verb!) && what?.startsWith("succeed") === true) {
      this.#onRead(actor, what.slice("succeed ".length))
    }
    const map = verb === "pull" ? this.#maps.get(actor) : undefined
    if (map === undefined) return
    const results = this.#results.get(actor) ?? []
    this.#results.set(actor, results)
    for (const result of text.startsWith("pull: gave ") ? text.slice("pull: gave ".length).split(", ") : []) {
      const [of, item] = result.split(" ")[1]?.split(".") ?? []
      // An exit that is not the item's own, as an interruption, says only by its place whose it is.
      results.push(of === actor && item !== undefined ? Number(item) : results.length)
    }
    const { source: { bodies, kind, second = Infinity }, verb: mapVerb } = map
    if (mapVerb === "imapUnordered") {
      if (new Set(results).size < results.length) this.problems.push(`map ${actor} gave a result twice: ${results}`)
    } else if (
      results.some((item, index) => this.isInterrupted ? item <= (results[index - 1] ?? -1) : item !== index)
    ) {
      this.problems.push(`map ${actor} gave its results out of order: ${results}`)
    }
    const length = Math.min(bodies.length, second)
    if (text === "pull: end" && kind === "iterator" && results.length !== length) {
      this.problems.push(`map ${actor} gave ${results.length} of ${length} results`)
    }
  }

  #onRead(reader: string, job: string): void {
    if (this.#read.has(job)) this.problems.push(`the result of ${job} came out of a pile twice`)
    this.#read.add(job)
    const key = `${reader} of ${this.#spawners.get(job)}`
    if ((this.#lastRead.get(key) ?? 0) > Number(job)) {
      this.problems.push(`${reader} read the result of ${job} after a later one`)
    }
    this.#lastRead.set(key, Number(job))
  }

  #check(): void {
    for (const [index, stats] of this.#actual.stats.entries()) {
      const { borrowed, failed, free, interrupted, running, size, started, succeeded, waiting } = stats
      const live = this.#live[index]!
      const before = this.#running[index]!
      const slots = Math.min(size, this.#actual.allowances.get(index) ?? Infinity)
      const must = (holds: boolean, what: string): void => {
        if (!holds) this.problems.push(`pool ${index}: ${what} (${JSON.stringify(stats)})`)
      }
      must(free === size - running, "free is not size - running")
      must(started === succeeded + failed + interrupted + running + borrowed, "the counters do not add up")
      must(running <= Math.max(slots, before, this.#actual.largest[index]!), "more slots are held than there are")
      if (stats.adaptive !== undefined) this.#actual.largest[index] = slots
      must(waiting === 0 || running >= slots || this.#closed.has(index), "somebody waits while a slot is free")
      must(live.size <= running + borrowed, `jobs run without a slot: ${[...live]}`)
      this.#running[index] = running
    }
  }
}
