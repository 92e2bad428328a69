/**
 * Runs a program on the library alone, with steps that overlap: the next one begins before the last one has come to
 * rest, under a random schedule. What then happens depends on the schedule; what must hold is checked in each turn.
 */
import type { Fiber } from "effect"
import { Actual } from "./actual.ts"
import { Cast, type Order, type Program, show, type Step } from "./program.ts"
import { Random } from "./random.ts"
import { RandomSimulation } from "./scheduler.ts"
import { type Finding, leftovers, type Tally } from "./side-by-side.ts"

export const runOverlapping = async (program: Program, seed: number, tally: Tally): Promise<Finding | undefined> => {
  const random = new Random(~seed)
  const actual = new Actual(program, new RandomSimulation(new Random(seed)))
  const cast = new Cast(program, actual.board)
  const watch = new Watch(actual)
  const steps: Array<Step> = []
  tally.programs++

  const carryOut = async (step: Step, patience: number): Promise<Finding | undefined> => {
    steps.push(step)
    tally.steps++
    try {
      // What promises have done since the last step.
      actual.simulation.onOperation(undefined)
      watch.onStep(step)
      actual.perform(step)
      actual.simulation.onOperation(undefined)
      for (let task = 0; task < patience && watch.problems.length === 0; task++) {
        if (!actual.simulation.step()) break
      }
      if (patience === Infinity) {
        await actual.simulation.settle(cast.hasPromises)
        watch.onRest()
      }
    } catch (error) {
      watch.problems.push(`the library: ${error instanceof Error ? error.stack ?? error.message : String(error)}`)
    }
    if (watch.problems.length === 0) return undefined
    return { steps: steps.map(show), problems: watch.problems }
  }

  for (const command of program.commands) {
    const step = cast.step(command, [...actual.fibers.keys()])
    const patience = random.pick([0, 1, 2, 4, 10, Infinity])
    const found = step === undefined ? undefined : await carryOut(step, patience)
    if (found !== undefined) return found
  }
  await actual.simulation.settle(cast.hasPromises)
  for (const step of cast.windUp(actual)) {
    const found = await carryOut(step, Infinity)
    if (found !== undefined) return found
  }
  const left = leftovers(actual)
  return left.length === 0 ? undefined : { steps: steps.map(show), problems: left }
}

/** What holds at every moment, whatever the schedule. */
class Watch {
  readonly problems: Array<string> = []
  readonly #actual: Actual
  readonly #running: Array<number>
  readonly #closed = new Set<number>()
  /** The pool of each job, and of the jobs of each pile, and of the items of each map. */
  readonly #pools = new Map<string, number>()
  /** The bodies and finalizers of jobs that are running, by their pool. */
  readonly #live: ReadonlyArray<Set<string>>
  readonly #line: FirstComeFirstServed
  /** Whether anything has been interrupted: an interrupted pull may take results with it. */
  #isInterrupted = false
  /** What has come out of each map. */
  readonly #results = new Map<string, Array<number>>()
  readonly #verbs = new Map<string, Extract<Order, { readonly op: "map" }>>()
  /** What has come out of piles. */
  readonly #read = new Set<string>()
  /** Who spawned each job of a pile, and the last one of his that each reader has read. */
  readonly #spawners = new Map<string, string>()
  readonly #lastRead = new Map<string, number>()

  constructor(actual: Actual) {
    this.#actual = actual
    this.#running = actual.pools.map(() => 0)
    this.#live = actual.pools.map(() => new Set())
    this.#line = new FirstComeFirstServed(actual, this.problems)
    actual.simulation.onOperation = (fiber) => {
      this.#line.onOperation(fiber)
      if (fiber === undefined) this.#check()
    }
    actual.board.onStatus = (actor, status) => this.#onStatus(actor, status)
    actual.board.onNote = (actor, text) => this.#onNote(actor, text)
  }

  onStep(step: Step): void {
    this.#line.onStep(step)
    if ("interrupt" in step) this.#isInterrupted = true
    if (!("to" in step)) return
    const { order } = step
    if (
      order.op === "run" || order.op === "spawn" || order.op === "spawnN" || order.op === "runIfAvailable" ||
      order.op === "spawnIfAvailable" || order.op === "runStream" || (order.op === "takeScoped" && order.within)
    ) {
      this.#pools.set(order.body.id, order.pool)
    } else if (order.op === "pile" && order.pool !== undefined) {
      this.#pools.set(`pile ${order.body.id}`, order.pool)
    } else if (order.op === "pileSpawn") {
      this.#spawners.set(order.body.id, `${step.to} on ${order.pile}`)
      const pool = this.#pools.get(`pile ${order.pile}`)
      if (pool !== undefined) this.#pools.set(order.body.id, pool)
    } else if (order.op === "map") {
      this.#pools.set(`map ${order.body.id}`, order.pool)
      this.#verbs.set(order.body.id, order)
    } else if (order.op === "close") {
      this.#isInterrupted = true
      this.#closed.add(order.pool)
    }
  }

  onRest(): void {
    this.#line.onRest()
  }

  #onStatus(actor: string, status: string): void {
    // A job that interrupts itself takes the fibers that its own has forked with it.
    if (status === "over: interrupted") {
      this.#isInterrupted = true
      this.#line.onInterruption()
    }
    const pool = this.#pools.get(actor.includes(".") ? `map ${actor.split(".")[0]}` : actor)
    if (pool === undefined) return
    if (status === "started") this.#live[pool]!.add(actor)
    if (status === "leaving" || status.startsWith("over")) this.#live[pool]!.delete(actor)
  }

  #onNote(actor: string, text: string): void {
    this.#line.onNote(actor, text)
    const [verb, what] = text.split(/: | gave /) as [string, string | undefined]
    if ((verb === "next" || verb === "results" || verb === "exits") && what?.startsWith("succeed") === true) {
      this.#onRead(actor, what.slice("succeed ".length))
    }
    const map = verb === "pull" ? this.#verbs.get(actor) : undefined
    if (map === undefined) return
    const results = this.#results.get(actor) ?? []
    this.#results.set(actor, results)
    for (const result of text.startsWith("pull: gave ") ? text.slice("pull: gave ".length).split(", ") : []) {
      const [of, item] = result.split(" ")[1]?.split(".") ?? []
      // An exit that is not the item's own, as an interruption, says only by its place whose it is.
      results.push(of === actor && item !== undefined ? Number(item) : results.length)
    }
    const isComplete = text === "pull: end" && map.source.kind === "iterator"
    if (map.verb === "imapUnordered") {
      if (new Set(results).size < results.length) this.problems.push(`map ${actor} gave a result twice: ${results}`)
    } else if (
      results.some((item, index) => this.#isInterrupted ? item <= (results[index - 1] ?? -1) : item !== index)
    ) {
      this.problems.push(`map ${actor} gave its results out of order: ${results}`)
    }
    const length = Math.min(map.source.bodies.length, map.source.second ?? Infinity)
    if (isComplete && results.length !== length) {
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
      must(
        running <= Math.max(slots, before, this.#actual.largest[index]!),
        "more slots are held than there are"
      )
      if (stats.adaptive !== undefined) this.#actual.largest[index] = slots
      must(waiting === 0 || running >= slots || this.#closed.has(index), "somebody waits while a slot is free")
      must(live.size <= running + borrowed, `jobs run without a slot: ${[...live]}`)
      this.#running[index] = running
    }
  }
}

interface Caller {
  readonly body: string
  readonly actor: string
  /** His key and his priority: he waits behind those of the same. */
  readonly group: string
  readonly kind: string
  readonly fiber: string
  readonly pool: number
  /** `resting`: waiting since before the last moment of rest, so that nothing delays its start but the slot. */
  state: "coming" | "waiting" | "resting" | "gone"
}

/** Who comes from outside all jobs is let in in the order in which he joined the queue, or that of his key. */
class FirstComeFirstServed {
  readonly #actual: Actual
  readonly #problems: Array<string>
  /** The fiber of each actor that is outside all jobs. */
  readonly #outside = new Map<string, string>()
  readonly #pilePools = new Map<string, number>()
  readonly #callers = new Map<string, Caller>()
  readonly #lines: ReadonlyArray<Array<Caller>>
  readonly #waiting: Array<number>
  #last: Fiber.Fiber<unknown, unknown> | undefined = undefined

  constructor(actual: Actual, problems: Array<string>) {
    this.#actual = actual
    this.#problems = problems
    this.#lines = actual.pools.map(() => [])
    this.#waiting = actual.pools.map(() => 0)
    actual.board.onEnter = (_, actor) => this.#onStart(actor)
  }

  onStep(step: Step): void {
    if ("interrupt" in step || "tick" in step) return this.onInterruption()
    if (!("to" in step)) return
    const { order, to } = step
    if (step.isNew) this.#outside.set(to, to)
    const fiber = this.#outside.get(to)
    if (order.op === "end" || order.op === "close") this.onInterruption()
    if (fiber === undefined) return
    if (order.op === "map" || order.op === "pile") this.#outside.set(order.body.id, fiber)
    if (order.op === "fork" || order.op === "detach") this.#outside.set(order.body.id, order.body.id)
    if (order.op === "pile" && order.pool !== undefined) this.#pilePools.set(order.body.id, order.pool)
    if (order.op !== "run" && order.op !== "spawn" && order.op !== "spawnN" && order.op !== "pileSpawn") return
    const pool = order.op === "pileSpawn" ? this.#pilePools.get(order.pile) : order.pool
    if (pool === undefined) return
    const kind = order.op === "run" ? "run" : "spawn"
    const group = `${order.ask?.key} ${order.ask?.priority ?? 0}`
    for (const caller of this.#callers.values()) if (caller.fiber === fiber) caller.state = "gone"
    this.#callers.set(order.body.id, { body: order.body.id, actor: to, group, kind, fiber, pool, state: "coming" })
  }

  /** A fiber may unwind slowly, and its children with it: which of them still wait is not known any more. */
  onInterruption(): void {
    for (const caller of this.#callers.values()) caller.state = "gone"
  }

  /** Before an operation of a fiber: what its last one, or that of the one before it, has done to the lines. */
  onOperation(fiber: Fiber.Fiber<unknown, unknown> | undefined): void {
    const last = this.#last
    this.#last = fiber
    for (const [pool, before] of this.#waiting.entries()) {
      const now = this.#actual.waiting(pool)
      this.#waiting[pool] = now
      if (now <= before || last === undefined) continue
      for (const caller of this.#callers.values()) {
        if (caller.state !== "coming" || caller.pool !== pool) continue
        if (this.#actual.fibers.get(caller.fiber) !== last) continue
        caller.state = "waiting"
        this.#lines[pool]!.push(caller)
      }
    }
  }

  /** One who is rejected is not in the queue. */
  onNote(actor: string, text: string): void {
    if (!text.endsWith("fail QueueFull") && !text.endsWith("fail WaitTimeout")) return
    for (const caller of this.#callers.values()) if (caller.actor === actor) caller.state = "gone"
  }

  onRest(): void {
    for (const caller of this.#callers.values()) {
      // An interruption that was on its way may have taken him out of the queue.
      if (caller.state === "waiting") caller.state = this.#actual.fibers.has(caller.fiber) ? "resting" : "gone"
    }
  }

  #onStart(actor: string): void {
    const caller = this.#callers.get(actor)
    if (caller === undefined || caller.state === "gone") return
    const line = this.#lines[caller.pool]!
    // One who has just come may start before one whose grant is on its way.
    const earlier = line.slice(0, Math.max(0, line.indexOf(caller)))
      .find((other) => other.state === "resting" && other.kind === caller.kind && other.group === caller.group)
    if (earlier !== undefined && caller.state === "resting") {
      this.#problems.push(`${caller.body} was let in before ${earlier.body}, who came first`)
    }
    caller.state = "gone"
  }
}
