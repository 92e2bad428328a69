/**
 * What a program does: the same actors, maps and piles on the library.
 */
import {
  Clock,
  Context,
  Effect,
  Equal,
  Exit,
  Fiber,
  Logger,
  Metric,
  Option,
  Pull,
  References,
  Scheduler,
  Scope,
  Stream,
  Tracer
} from "effect"
import { allowanceOf } from "../../src/allowance.ts"
import { toInternal } from "../../src/GreenPool.ts"
import { GreenPile, GreenPool, type GreenPoolOptions, type PoolStats, type Verdict } from "../../src/index.ts"
import type { Job } from "../../src/internal/slots.ts"
import { mismeasured, observed, openSpans } from "../support/observation.ts"
import { makeTracer } from "../support/spans.ts"
import { VirtualClock } from "../support/virtual-clock.ts"
import { Board } from "./board.ts"
import { end, type Named, showCause, showExit, showValue } from "./exits.ts"
import {
  type Body,
  type End,
  given,
  itemOf,
  type Order,
  type OrderOf,
  type Program,
  type Rules,
  type Step
} from "./program.ts"
import { Random } from "./random.ts"
import type { Simulation } from "./scheduler.ts"
import { type Feeds, openSource } from "./source.ts"

const finite = (number: number): number | undefined => number === Infinity ? undefined : number

const optionsOf = ({ drain, maxWait, maxWaiting }: Rules): GreenPoolOptions =>
  given({
    maxWaiting: finite(maxWaiting),
    maxWait: finite(maxWait),
    onClose: drain === 0 ? undefined : "drain",
    drainTimeout: drain === 0 ? undefined : finite(drain)
  })

type Chunk = readonly [unknown, ...ReadonlyArray<unknown>]

export class Actual {
  readonly board = new Board()
  readonly simulation: Simulation
  readonly pools: ReadonlyArray<GreenPool>
  readonly #scopes: ReadonlyArray<Scope.Closeable>
  readonly clock = new VirtualClock()
  /** How many slots of a pool may be in use, where that has been said. */
  readonly allowances = new Map<number, number>()
  /** Fibers that have started and not ended, by the actor at their base. */
  readonly fibers = new Map<string, Fiber.Fiber<unknown, unknown>>()
  readonly #ended = new Map<string, Fiber.Fiber<unknown, unknown>>()
  readonly #context: Context.Context<never>
  readonly #gates = new Map<string, (order: Order) => void>()
  readonly #feeds = new Map() as Feeds
  readonly #pulls = new Map<string, Pull.Pull<Chunk, unknown>>()
  /** The library's own notion of the jobs that have started. */
  readonly #jobs = new Map<Job, string>()
  readonly #piles = new Map<string, { readonly pile: GreenPile<string, Named>; readonly pool: GreenPool | undefined }>()
  /** Of each pool, its size after each end of a job. They differ from each other where it is adaptive. */
  readonly sizesAfter: ReadonlyArray<Array<number>>
  /** The largest size that each adaptive pool has had since this was last set: it may go up and down in one turn. */
  readonly largest: Array<number>
  readonly #isAdaptive: boolean
  /** Whether the pools are made visible: those of every other program, to see that it changes nothing. */
  readonly #isObserved: boolean
  readonly #tracer = makeTracer()
  readonly #registry: Metric.MetricRegistry = new Map()
  /** The last state that somebody has read who reads the changes of a pool. */
  readonly #seen = new Map<string, PoolStats>()

  constructor({ rules, sizes }: Program, simulation: Simulation) {
    this.simulation = simulation
    this.#isAdaptive = rules.some(({ verdicts }) => verdicts !== undefined)
    this.#isObserved = sizes.reduce((sum, size) => sum + size, 0) % 2 === 0
    const reports = Logger.make(({ cause, fiber, logLevel }) => {
      if (logLevel === "Warn") return
      const { pool } = fiber.getRef(References.CurrentLogAnnotations)
      this.board.note("log", `${String(pool)}: ${showCause(cause)}`)
    })
    this.#context = Context.empty().pipe(
      Context.add(Scheduler.Scheduler, simulation),
      Context.add(Clock.Clock, this.clock),
      Context.add(Logger.CurrentLoggers, new Set([reports])),
      Context.add(Tracer.Tracer, this.#tracer.tracer),
      Context.add(Metric.MetricRegistry, this.#registry)
    )
    this.sizesAfter = sizes.map(() => [])
    this.largest = sizes.map(() => 0)
    this.#scopes = sizes.map(() => Scope.makeUnsafe())
    this.pools = sizes.map((size, index) => {
      const options: GreenPoolOptions = {
        size,
        name: String(index),
        ...optionsOf(rules[index]!),
        ...this.#adaptive(index, rules[index]!),
        ...this.#isObserved ? observed : {}
      }
      const make = Scope.provide(GreenPool.make(options), this.#scopes[index]!)
      // At once; but `runSync` would give the pool another scheduler.
      simulation.hold(1000)
      const exit = Effect.runForkWith(this.#context)(make).pollUnsafe()
      if (exit?._tag !== "Success") throw new Error("a pool is made at once")
      // What the calls of a bounded pool may fail with is none of the program's concern.
      const pool = exit.value as GreenPool
      this.#noteSizes(index, pool)
      const read = Stream.runForEach(pool.changes, (stats) => Effect.sync(() => this.#seen.set(stats.name, stats)))
      if (this.#isObserved) Effect.runForkWith(this.#context)(read)
      return pool
    })
  }

  /** What the end of a job says is the seed's, and what it does: it may set the size. */
  #adaptive(index: number, { verdicts }: Rules): GreenPoolOptions {
    if (verdicts === undefined) return {}
    const random = new Random(verdicts)
    const classify = (): Verdict => {
      if (random.below(2) === 0) toInternal(this.pools[index]!).ledger.adaptation?.resized(1 + random.below(4))
      return random.pick(["ok", "overload", "ignore"])
    }
    return { adaptive: { max: 4 + random.below(5), classify } }
  }

  #noteSizes(index: number, pool: GreenPool): void {
    const internal = toInternal(pool)
    const { adaptation } = internal.ledger
    if (adaptation === undefined) return
    const setSize = internal.setSize.bind(internal)
    internal.setSize = (size) => {
      this.largest[index] = Math.max(this.largest[index]!, size)
      setSize(size)
    }
    const ended = adaptation.ended.bind(adaptation)
    let ends = 0
    adaptation.ended = (...args) => {
      const end = ends++
      ended(...args)
      this.sizesAfter[index]![end] = Effect.runSync(pool.size)
    }
  }

  get stats(): ReadonlyArray<PoolStats> {
    return this.pools.map((pool) => Effect.runSync(pool.stats))
  }

  /** What metrics and spans say otherwise than the counters, when everybody has been sent home. */
  get misobserved(): ReadonlyArray<string> {
    if (!this.#isObserved) return []
    return [
      ...this.stats.flatMap((stats) => [
        ...mismeasured(this.#registry, stats),
        ...Equal.equals(this.#seen.get(stats.name), stats) ? [] : [`the changes of pool ${stats.name} lack the last`]
      ]),
      ...openSpans(this.#tracer.spans)
    ]
  }

  /** How many keys each pool keeps. */
  get keys(): ReadonlyArray<number> {
    return this.pools.map((pool) => toInternal(pool).slots.shares?.size ?? 0)
  }

  /** Who has borrowed whose slot: what no counter shows, and what decides who gets a slot next. */
  get loans(): ReadonlyArray<string> {
    const loans: Array<string> = []
    for (const [job, actor] of this.#jobs) {
      if (job.state !== "holding") this.#jobs.delete(job)
      else if (job.lender !== undefined) loans.push(`${actor} from ${this.#jobs.get(job.lender)}`)
    }
    return loans.sort()
  }

  /** Sets off one step. What comes of it comes when the simulation runs. */
  perform(step: Step): void {
    if ("interrupt" in step) {
      this.fibers.get(step.interrupt)!.interruptUnsafe()
    } else if ("tick" in step) {
      this.clock.advance(step.tick)
    } else if ("feed" in step) {
      this.#feeds.get(step.feed)!(step.with)
    } else {
      // A new actor is there in the same step.
      this.simulation.hold(8)
      if (step.isNew) Effect.runForkWith(this.#context)(this.#base({ id: step.to, kind: "gate", stubborn: false }))
      this.board.set(step.to, "ordered")
      this.#gates.get(step.to)!(step.order)
    }
  }

  /** An actor at the base of a fiber. */
  #base(body: Body, pool?: GreenPool): Effect.Effect<string, Named> {
    return Effect.withFiber((fiber) => {
      this.fibers.set(body.id, fiber)
      fiber.addObserver((exit) => {
        this.fibers.delete(body.id)
        this.#ended.set(body.id, fiber)
        this.board.over(body.id, showExit(exit))
      })
      return this.#frame(body, undefined, pool)
    })
  }

  #frame(body: Body, kind?: string, pool?: GreenPool): Effect.Effect<string, Named> {
    return Effect.withFiber((fiber) => {
      // From here to the point where the finalizer is in place is one step.
      this.simulation.hold(4)
      if (kind !== undefined) this.board.enter(kind, body.id)
      const job = pool === undefined ? undefined : toInternal(pool).jobAround(fiber)
      if (job !== undefined) this.#jobs.set(job, body.id)
      this.board.set(body.id, "started")
      const finalizer = body.stubborn ? this.#orders(body.id, "finalizing") : Effect.void
      const leave = Effect.sync(() => {
        this.board.set(body.id, "leaving")
        // The end of a job may change the size of an adaptive pool and start others in that step: what these do to the
        // fiber comes after it has noted the end.
        if (this.#isAdaptive) this.simulation.hold(12)
      })
      return Effect.onExit(this.#body(body), () => Effect.andThen(finalizer, leave))
    })
  }

  #body(body: Body): Effect.Effect<string, Named> {
    return body.kind === "gate"
      ? Effect.flatMap(this.#orders(body.id, "idle"), (how) => end(body.id, how))
      : end(body.id, body.kind)
  }

  /** Carries out orders until the one to end. An interruption ends a body at once; a finalizer goes on. */
  #orders(actor: string, status: "idle" | "finalizing"): Effect.Effect<End> {
    const next: Effect.Effect<End> = Effect.suspend(() => {
      this.simulation.hold(2)
      this.board.set(actor, status)
      return Effect.callback<Order>((resume) => {
        this.#gates.set(actor, (order) => resume(Effect.succeed(order)))
      })
    }).pipe(Effect.flatMap((order) => {
      if (order.op === "end") return Effect.succeed(order.how)
      this.board.set(actor, order.op)
      const goOn = (text: string): Effect.Effect<End> => {
        this.board.note(actor, `${order.op}: ${text}`)
        return next
      }
      return Effect.matchCauseEffect(this.#carryOut(actor, order), {
        onFailure: (cause) => {
          const exit = showCause(cause)
          return exit === "interrupted" && status === "idle" ? Effect.interrupt : goOn(exit)
        },
        onSuccess: (value) => goOn(showValue(value))
      })
    }))
    return next
  }

  #carryOut(actor: string, order: Exclude<Order, OrderOf<"end">>): Effect.Effect<unknown, unknown> {
    // An order without a pool doesn't look at it.
    const pool = this.pools["pool" in order ? order.pool ?? 0 : 0]!
    switch (order.op) {
      case "run":
        return this.#over(order.body, pool.run(this.#frame(order.body, `run of pool ${order.pool}`, pool), order.ask))
      case "runStream": {
        const frame = this.#over(order.body, this.#frame(order.body, `runStream ${order.body.id}`, pool))
        // On the way from the body to the reader an interruption may take the place of a failure.
        return Effect.map(Stream.runCollect(pool.runStream(Stream.fromEffect(frame), order.ask)), String)
      }
      case "takeScoped": {
        const { ask, body, within } = order
        const frame = this.#frame(body, `takeScoped ${body.id}`, within ? pool : undefined)
        const use = Effect.flatMap(pool.takeScoped(ask), (slot) => within ? slot.within(frame) : frame)
        return this.#over(body, Effect.scoped(use))
      }
      case "runIfAvailable": {
        const frame = this.#frame(order.body, `run of pool ${order.pool}`, pool)
        return this.#over(order.body, Effect.map(pool.runIfAvailable(frame, order.ask), Option.getOrElse(() => "none")))
      }
      case "spawnIfAvailable": {
        const job = this.#spawned(order.body, `spawnIfAvailable of pool ${order.pool}`, pool)
        return Effect.map(pool.spawnIfAvailable(job, order.ask), (fiber) => Option.isSome(fiber) ? "done" : "none")
      }
      case "spawn":
      case "spawnN":
        return pool[order.op](this.#spawned(order.body, `${order.op} of pool ${order.pool}`, pool), order.ask)
      case "fork":
        return Effect.forkChild(this.#base(order.body))
      case "detach":
        return Effect.forkDetach(this.#base(order.body))
      case "join": {
        const fiber = this.fibers.get(order.fiber) ?? this.#ended.get(order.fiber)!
        return Effect.map(Fiber.await(fiber), (exit) => `saw ${showExit(exit)}`)
      }
      case "waitall":
        return pool.waitall
      case "resize":
        return pool.resize(order.size)
      case "allow":
        return Effect.sync(() => {
          this.allowances.set(order.pool, order.slots)
          allowanceOf(pool).allow(order.slots)
        })
      case "evict":
        return allowanceOf(pool).evict
      case "close":
        return Scope.close(this.#scopes[order.pool]!, Exit.void)
      case "map":
        return this.#map(order, pool)
      case "pull":
        return Effect.matchCauseEffect(this.#pulls.get(actor)!, {
          onFailure: (cause) => {
            const isDone = Pull.isDoneCause(cause)
            if (isDone || showCause(cause) !== "interrupted") this.board.exhausted.add(actor)
            return isDone ? Effect.succeed("end") : Effect.failCause(cause)
          },
          onSuccess: (chunk) => Effect.succeed(`gave ${chunk.map(showValue).join(", ")}`)
        })
      case "pile": {
        const { body, size } = order
        const shared = order.pool === undefined ? undefined : pool
        const use = Effect.flatMap(GreenPile.make<string, Named>(shared ?? size), (pile) => {
          this.#piles.set(body.id, { pile, pool: shared })
          return this.#frame(body)
        })
        return this.#over(body, Effect.scoped(use))
      }
      case "pileSpawn": {
        const { pile, pool } = this.#piles.get(order.pile)!
        return pile.spawn(this.#spawned(order.body, `spawn of pile ${order.pile}`, pool), order.ask)
      }
      case "next":
        return Effect.map(this.#piles.get(order.pile)!.pile.next, Option.getOrElse(() => "none"))
      case "results":
      case "exits": {
        const results: Stream.Stream<unknown, Named> = this.#piles.get(order.pile)!.pile[order.op]
        const note = (result: unknown) => this.board.note(actor, `${order.op} gave ${showValue(result)}`)
        return Stream.runForEach(results, (result) => Effect.sync(() => note(result)))
      }
    }
  }

  /** A job in a fiber of its own. */
  #spawned(body: Body, kind: string, pool?: GreenPool): Effect.Effect<string, Named> {
    return Effect.suspend(() => {
      this.board.enter(kind, body.id)
      return this.#base(body, pool)
    })
  }

  /** Notes the end of what ran in the fiber of another actor. */
  #over<E>(body: Body, effect: Effect.Effect<string, E>): Effect.Effect<string, E> {
    return Effect.onExit(effect, (exit) => Effect.sync(() => this.board.over(body.id, showExit(exit))))
  }

  #map({ body, source, verb }: OrderOf<"map">, pool: GreenPool): Effect.Effect<string, unknown> {
    this.simulation.hasPromises ||= source.kind === "async"
    const kind = `item of ${body.id}`
    const job = (index: number): Effect.Effect<string, Named> => {
      const item = itemOf(body.id, source, index)
      // The first operation of its fiber is the map's own, and one step with the first of the job.
      this.simulation.hold(2)
      if (item.kind !== "throw") return this.#spawned(item, kind, pool)
      this.board.enter(kind, item.id)
      this.board.set(item.id, `over: die ${item.id}`)
      return end(item.id, item.kind)
    }
    const items = openSource(this.board, body.id, source, this.#feeds)
    const seconds = source.second === undefined ? [] : [new Array<string>(source.second).fill("second")]
    const second = seconds.length === 0 ? undefined : "second"
    const stream: Stream.Stream<unknown, unknown> = (pool[verb] as (...args: ReadonlyArray<unknown>) => any)(
      (index: number, other?: string) => other === second ? job(index) : Effect.die(other),
      items,
      ...seconds
    )
    const use = Effect.flatMap(Stream.toPull(stream), (pull) => {
      this.#pulls.set(body.id, pull)
      return this.#frame(body)
    })
    return this.#over(body, Effect.scoped(use))
  }
}
