/**
 * What a program should do: actors, maps and piles on the pools of the model.
 */
import { Board } from "./board.ts"
import { MapModel } from "./expected-map.ts"
import { Pile } from "./expected-pile.ts"
import {
  block,
  exitOf,
  Fiber,
  Interrupted,
  mayYield,
  onExit,
  Raise,
  resume,
  Runtime,
  type Steps,
  uninterruptible
} from "./fibers.ts"
import { innermost, Job, outcomeOf, Pool, stopAll } from "./model.ts"
import { type Body, noRules, type Order, type OrderOf, type Program, type Step } from "./program.ts"

/** The innermost job of each pool around an actor. */
type Jobs = ReadonlyMap<Pool, Job>

export class Expected {
  readonly board = new Board()
  readonly pools: ReadonlyArray<Pool>
  readonly runtime: Runtime
  readonly #fibers = new Map<string, Fiber>()
  readonly #gates = new Map<string, (order: Order) => void>()
  readonly #maps = new Map<string, MapModel>()
  readonly #piles = new Map<string, Pile>()
  /** The pools of piles that have one of their own. */
  readonly #pilePools: Array<Pool> = []

  /** `sizesAfter`: of each pool, the sizes that it has had after each end of a job. */
  constructor(
    { rules, sizes }: Program,
    choose: (count: number) => number,
    sizesAfter: ReadonlyArray<ReadonlyArray<number>>
  ) {
    this.runtime = new Runtime(choose)
    this.pools = sizes.map((size, index) => this.#pool(size, String(index), rules[index]))
    for (const [index, pool] of this.pools.entries()) pool.sizeAfter = (end) => sizesAfter[index]?.[end]
  }

  get stats(): ReadonlyArray<Pool["counters"]> {
    return this.pools.map((pool) => pool.counters)
  }

  get loans(): ReadonlyArray<string> {
    return this.pools.flatMap(({ jobs }) =>
      [...jobs].flatMap(({ actor, isBeside, lender }) =>
        lender === undefined || isBeside ? [] : [`${actor} from ${lender.actor}`]
      )
    ).sort()
  }

  #pool(size: number, name: string, rules = noRules): Pool {
    return new Pool(name, size, rules, (job) => this.board.enter(job.kind, job.actor))
  }

  /** Carries out one step, up to the point where everybody waits. */
  perform(step: Step): void {
    if ("interrupt" in step) {
      this.#fibers.get(step.interrupt)!.interrupt()
    } else if ("tick" in step) {
      for (const pool of [...this.pools, ...this.#pilePools]) pool.tick(step.tick)
    } else if ("feed" in step) {
      this.#maps.get(step.feed)!.feed(step.with)
    } else {
      if (step.isNew) this.#fork(new Map(), { id: step.to, kind: "gate", stubborn: false }).begin()
      this.board.set(step.to, "ordered")
      this.#gates.get(step.to)!(step.order)
    }
    this.runtime.settle()
  }

  #fork(jobs: Jobs, body: Body): Fiber {
    const fiber = new Fiber(this.runtime, (self) => this.#frame(self, jobs, body))
    this.#fibers.set(body.id, fiber)
    fiber.observe((exit) => this.board.over(body.id, exit))
    return fiber
  }

  *#frame(self: Fiber, jobs: Jobs, body: Body): Steps<string> {
    this.board.set(body.id, "started")
    return yield* onExit(self, this.#body(self, jobs, body), this.#finalizer(self, jobs, body))
  }

  *#body(self: Fiber, jobs: Jobs, body: Body): Steps<string> {
    if (body.kind !== "gate") yield* mayYield(this.runtime)
    const how = body.kind === "gate" ? yield* this.#orders(self, jobs, body.id, "idle") : body.kind
    if (how === "succeed") return `succeed ${body.id}`
    throw how === "interrupt" ? Interrupted : new Raise(`${how === "throw" ? "die" : how} ${body.id}`)
  }

  *#finalizer(self: Fiber, jobs: Jobs, body: Body): Steps<void> {
    if (body.stubborn) yield* this.#orders(self, jobs, body.id, "finalizing")
    this.board.set(body.id, "leaving")
  }

  /** Carries out orders until the one to end. An interruption ends a body at once; a finalizer goes on. */
  *#orders(self: Fiber, jobs: Jobs, actor: string, status: "idle" | "finalizing"): Steps<string> {
    for (;;) {
      this.board.set(actor, status)
      const order = yield* block<Order>((resume) => this.#gates.set(actor, resume))
      if (order.op === "end") return order.how
      this.board.set(actor, order.op)
      const exit = yield* exitOf(this.#carryOut(self, jobs, actor, order))
      yield* mayYield(this.runtime)
      if (status === "idle" && (exit === "interrupted" || self.isUnwinding)) {
        // Interruption passes the failures that nobody could handle any more.
        throw exit.startsWith("die") ? new Raise(exit) : Interrupted
      }
      this.board.note(actor, `${order.op}: ${exit}`)
    }
  }

  *#carryOut(self: Fiber, jobs: Jobs, actor: string, order: Exclude<Order, OrderOf<"end">>): Steps<string> {
    // An order without a pool doesn't look at it.
    const pool = this.pools["pool" in order ? order.pool ?? 0 : 0]!
    switch (order.op) {
      case "run":
      case "runStream":
      case "runIfAvailable":
      case "takeScoped":
        return yield* this.#run(self, jobs, pool, order)
      case "spawn":
      case "spawnN":
      case "spawnIfAvailable":
        return yield* this.#spawn(self, jobs, pool, order)
      case "pileSpawn":
        return yield* this.#spawn(self, jobs, this.#piles.get(order.pile)!.pool, order)
      case "fork":
        self.children.add(this.#fork(jobs, order.body).beginSoon())
        return "done"
      case "detach":
        this.#fork(jobs, order.body).beginSoon()
        return "done"
      case "join": {
        const fiber = this.#fibers.get(order.fiber)!
        return yield* block<string>((resume) => fiber.observe((exit) => resume(`saw ${exit}`)))
      }
      case "waitall":
        return yield* this.#waitall(jobs, pool)
      case "resize":
        if (pool.closed) throw Interrupted
        pool.resize(order.size)
        return "done"
      case "allow":
        pool.allow(order.slots)
        return "done"
      case "evict":
        yield* stopAll(this.runtime, [...pool.jobs], jobs.get(pool))
        return "done"
      case "close":
        yield* uninterruptible(self, this.#close(jobs, pool))
        return "done"
      case "map":
        return yield* this.#map(self, jobs, pool, order)
      case "pull":
        return yield* this.#maps.get(actor)!.pull(self)
      case "pile":
        return yield* this.#pile(self, jobs, order)
      case "next": {
        const exit = yield* this.#piles.get(order.pile)!.take()
        return exit === "none" ? exit : resume(exit)
      }
      case "results":
      case "exits":
        for (;;) {
          const exit = yield* this.#piles.get(order.pile)!.take()
          if (exit === "none") return "done"
          this.board.note(actor, `${order.op} gave ${order.op === "results" ? resume(exit) : exit}`)
        }
    }
  }

  /** Waits for a slot, unless there is one at once. */
  *#wait(pool: Pool, job: Job): Steps<void> {
    if (job.state !== "waiting") return
    try {
      yield* block<void>((wake) => {
        job.onGrant = wake
        job.onRefuse = wake
      })
    } catch (raised) {
      if (job.state === "waiting") pool.leave(job)
      else if (job.state === "running") pool.end(job, "interrupted")
      throw raised
    }
    if (job.isOver) throw job.refusal ?? Interrupted
  }

  *#run(
    self: Fiber,
    jobs: Jobs,
    pool: Pool,
    order: OrderOf<"run" | "runStream" | "runIfAvailable" | "takeScoped">
  ): Steps<string> {
    if (pool.refuses(jobs.get(pool))) throw Interrupted
    const { ask, body, op } = order
    const isInside = op !== "takeScoped" || order.within
    const isKept = op === "takeScoped" || op === "runStream"
    // Where the slot is kept, the fiber has some way to go from its grant to the body: the order of these is not known.
    const job = new Job(isKept ? `${op} ${body.id}` : `run of pool ${pool.name}`, body.id, jobs.get(pool), ask)
    job.isBeside = !isInside
    let isStopped = false
    // Beside its slot, a body goes on without it.
    job.onStop = () => {
      isStopped = true
      if (isInside) self.interrupt()
      else pool.end(job, "interrupted")
    }
    if (!pool.tryToEnter(job, op === "runIfAvailable")) return "none"
    yield* this.#wait(pool, job)
    const exit = yield* exitOf(this.#frame(self, isInside ? new Map(jobs).set(pool, job) : jobs, body))
    if (job.state === "running") pool.end(job, isKept && isStopped ? "interrupted" : outcomeOf(exit))
    this.board.over(body.id, exit)
    // A stream whose slot has gone is pulled no more, so it doesn't come to its end.
    return resume(op === "runStream" && isStopped && exit.startsWith("succeed") ? Interrupted.text : exit)
  }

  *#spawn(
    self: Fiber,
    jobs: Jobs,
    pool: Pool,
    order: OrderOf<"spawn" | "spawnN" | "spawnIfAvailable" | "pileSpawn">
  ): Steps<string> {
    const { ask, body, op } = order
    const pile = op === "pileSpawn" ? this.#piles.get(order.pile)! : undefined
    if (pool.refuses(jobs.get(pool)) || pile?.closed === true) throw Interrupted
    const kind = op === "pileSpawn" ? `spawn of pile ${order.pile}` : `${op} of pool ${pool.name}`
    const job = new Job(kind, body.id, jobs.get(pool), ask)
    // Until there is a fiber, to stop the job is to end it.
    job.onStop = () => pool.end(job, "interrupted")
    if (!pool.tryToEnter(job, op === "spawnIfAvailable")) return "none"
    const entry = pile?.add(job)
    try {
      yield* this.#wait(pool, job)
    } catch (raised) {
      if (entry !== undefined) pile?.drop(entry)
      throw raised
    }
    const fiber = this.#fork(new Map(jobs).set(pool, job), body).beginSoon()
    job.onStop = () => fiber.interrupt()
    fiber.observe((exit) => {
      pool.end(job, outcomeOf(exit))
      if (entry !== undefined) entry.exit = exit
      pile?.deliver()
      if (op === "spawnN" && outcomeOf(exit) === "failed") this.board.note("log", `${pool.name}: ${exit}`)
    })
    if (job.lender === undefined) return "done"
    const ended = (): Steps<string> => block((resume) => fiber.observe(resume))
    try {
      yield* ended()
    } catch (raised) {
      fiber.interrupt()
      yield* uninterruptible(self, ended())
      throw raised
    }
    return "done"
  }

  *#waitall(jobs: Jobs, pool: Pool): Steps<string> {
    if (pool.closed) throw Interrupted
    if (innermost(jobs.get(pool)) !== undefined) throw new Raise("die waitall")
    if (pool.idle) return "done"
    let wake = () => {}
    try {
      yield* block<void>((resume) => pool.idlers.add(wake = resume))
    } finally {
      pool.idlers.delete(wake)
    }
    if (pool.closed) throw Interrupted
    return "done"
  }

  *#close(jobs: Jobs, pool: Pool): Steps<void> {
    if (pool.closed || pool.draining) return
    if (pool.rules.drain > 0 && innermost(jobs.get(pool)) === undefined) yield* this.#drain(pool)
    yield* stopAll(this.runtime, pool.close(), jobs.get(pool))
  }

  *#drain(pool: Pool): Steps<void> {
    pool.draining = true
    for (const call of Array.from(pool.onDrain)) call()
    yield* mayYield(this.runtime)
    if (pool.idle) return
    let wake = () => {}
    yield* block<void>((resume) => {
      pool.idlers.add(wake = resume)
      pool.onTime.set(wake, pool.now + pool.rules.drain)
    })
    pool.idlers.delete(wake)
    pool.onTime.delete(wake)
  }

  *#closePile(jobs: Jobs, pile: Pile, ownsPool: boolean): Steps<void> {
    yield* stopAll(this.runtime, pile.close(), jobs.get(pile.pool))
    if (ownsPool) yield* this.#close(jobs, pile.pool)
  }

  *#map(self: Fiber, jobs: Jobs, pool: Pool, order: OrderOf<"map">): Steps<string> {
    const launch = (job: Job, item: Body) => this.#fork(new Map(jobs).set(pool, job), item)
    const map = new MapModel(this.board, this.runtime, pool, jobs.get(pool), order, launch)
    this.#maps.set(order.body.id, map)
    return yield* this.#scoped(self, jobs, order.body, map.close())
  }

  *#pile(self: Fiber, jobs: Jobs, { body, pool: shared, size }: OrderOf<"pile">): Steps<string> {
    const pool = shared === undefined ? this.#pool(size, "pile") : this.pools[shared]!
    if (shared === undefined) this.#pilePools.push(pool)
    const pile = new Pile(this.runtime, pool)
    this.#piles.set(body.id, pile)
    return yield* this.#scoped(self, jobs, body, this.#closePile(jobs, pile, shared === undefined))
  }

  /** An actor with a scope of its own, in the fiber of the one around it. */
  *#scoped(self: Fiber, jobs: Jobs, body: Body, close: Steps<void>): Steps<string> {
    const exit = yield* exitOf(onExit(self, this.#frame(self, jobs, body), close))
    this.board.over(body.id, exit)
    return resume(exit)
  }
}
