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
import {
  GreenPile,
  GreenPool,
  type GreenPoolOptions,
  type JobOptions,
  type PoolStats,
  type Verdict
} from "../../src/index.ts"
import type { Job } from "../../src/internal/slots.ts"
import { mismeasured, observed, openSpans } from "../support/observation.ts"
import { makeTracer } from "../support/spans.ts"
import { VirtualClock } from "../support/virtual-clock.ts"
import { Board } from "./board.ts"
import { end, type Named, showCause, showExit } from "./exits.ts"
import { type Ask, type Body, itemOf, type Order, type Program, type Rules, type Step } from "./program.ts"
import { Random } from "./random.ts"
import type { Simulation } from "./scheduler.ts"
import { type Feeds, openSource } from "./source.ts"

interface OpenPool {
  readonly pool: GreenPool
  readonly close: Effect.Effect<void>
}

/** As a user writes them: what there is not is not there. */
const optionsOf = ({ drain, maxWait, maxWaiting }: Rules): GreenPoolOptions => ({
  ...(maxWaiting === Infinity ? {} : { maxWaiting }),
  ...(maxWait === Infinity ? {} : { maxWait }),
  ...(drain === 0 ? {} : { onClose: "drain", ...(drain === Infinity ? {} : { drainTimeout: drain }) })
})

const askOf = ({ ask }: { readonly ask?: Ask }): JobOptions => ask ?? {}

type Chunk = readonly [unknown, ...ReadonlyArray<unknown>]

export class Actual {
  readonly board = new Board()
  readonly simulation: Simulation
  readonly pools: ReadonlyArray<OpenPool>
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
  readonly #pilePools = new Map<string, GreenPool>()
  /** The library's own notion of the jobs that have started. */
  readonly #jobs = new Map<Job, string>()
  readonly #piles = new Map<string, GreenPile<string, Named>>()
  /** Of each pool, its size after each end of a job. They differ from each other where it is adaptive. */
  readonly sizesAfter: ReadonlyArray<Array<number>>
  /** The largest size that each adaptive pool has had since this was last set: it may go up and down in one turn. */
  readonly largest: Array<number>
  /** Whether the pools are made visible: those of every other program, to see that it changes nothing. */
  readonly #isAdaptive: boolean
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
    this.pools = sizes.map((size, index) => {
      const scope = Scope.makeUnsafe()
      const options: GreenPoolOptions = {
        size,
        name: String(index),
        ...optionsOf(rules[index]!),
        ...this.#adaptive(index, rules[index]!),
        ...this.#isObserved ? observed : {}
      }
      // What the calls of a bounded pool may fail with is none of the program's concern.
      const make = GreenPool.make(options).pipe(Scope.provide(scope)) as Effect.Effect<GreenPool, unknown>
      // At once; but `runSync` would give the pool another scheduler.
      simulation.hold(1000)
      const exit = Effect.runForkWith(this.#context)(make).pollUnsafe()
      if (exit?._tag !== "Success") throw new Error("a pool is made at once")
      this.#noteSizes(index, exit.value)
      if (this.#isObserved) Effect.runForkWith(this.#context)(this.#read(exit.value))
      return { pool: exit.value, close: Scope.close(scope, Exit.void) }
    })
  }

  /** What the end of a job says is the seed's, and what it does: it may set the size. */
  #adaptive(index: number, { verdicts }: Rules): GreenPoolOptions {
    if (verdicts === undefined) return {}
    const random = new Random(verdicts)
    const classify = (): Verdict => {
      if (random.below(2) === 0) toInternal(this.pools[index]!.pool).ledger.adaptation?.resized(1 + random.below(4))
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
    return this.pools.map(({ pool }) => Effect.runSync(pool.stats))
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

  #read(pool: GreenPool): Effect.Effect<void> {
    return Stream.runForEach(pool.changes, (stats) => Effect.sync(() => this.#seen.set(stats.name, stats)))
  }

  /** How many keys each pool keeps. */
  get keys(): ReadonlyArray<number> {
    return this.pools.map(({ pool }) => toInternal(pool).slots.shares?.size ?? 0)
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

  waiting(pool: number): number {
    return Effect.runSync(this.pools[pool]!.pool.waiting)
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
      return Effect.onExit(
        this.#body(body),
        () =>
          Effect.andThen(
            finalizer,
            Effect.sync(() => {
              this.board.set(body.id, "leaving")
              // The end of a job may change the size of an adaptive pool and start others in that step: what these do to the
              // fiber comes after it has noted the end.
              if (this.#isAdaptive) this.simulation.hold(12)
            })
          )
      )
    })
  }

  #body(body: Body): Effect.Effect<string, Named> {
    return body.kind === "gate"
      ? Effect.flatMap(this.#orders(body.id, "idle"), (how) => end(body.id, how))
      : end(body.id, body.kind)
  }

  /** Carries out orders until the one to end. An interruption ends a body at once; a finalizer goes on. */
  #orders(actor: string, status: "idle" | "finalizing"): Effect.Effect<"succeed" | "fail" | "die" | "interrupt"> {
    const next: Effect.Effect<"succeed" | "fail" | "die" | "interrupt"> = Effect.suspend(() => {
      this.simulation.hold(2)
      this.board.set(actor, status)
      return Effect.callback<Order>((resume) => {
        this.#gates.set(actor, (order) => resume(Effect.succeed(order)))
      })
    }).pipe(Effect.flatMap((order) => {
      if (order.op === "end") return Effect.succeed(order.how)
      this.board.set(actor, order.op)
      return Effect.matchCauseEffect(this.#carryOut(actor, order), {
        onFailure: (cause) => {
          const exit = showCause(cause)
          if (exit === "interrupted" && status === "idle") return Effect.interrupt
          this.board.note(actor, `${order.op}: ${exit}`)
          return next
        },
        onSuccess: (value) => {
          this.board.note(actor, `${order.op}: ${showExit(Exit.succeed(value))}`)
          return next
        }
      })
    }))
    return next
  }

  #carryOut(actor: string, order: Exclude<Order, { readonly op: "end" }>): Effect.Effect<unknown, unknown> {
    switch (order.op) {
      case "run":
        return this.#over(
          order.body,
          this.#pool(order).run(
            this.#frame(order.body, `run of pool ${order.pool}`, this.#pool(order)),
            askOf(order)
          )
        )
      case "runStream": {
        const frame = this.#over(order.body, this.#frame(order.body, `runStream ${order.body.id}`, this.#pool(order)))
        // On the way from the body to the reader an interruption may take the place of a failure.
        return Effect.map(
          Stream.runCollect(this.#pool(order).runStream(Stream.fromEffect(frame), askOf(order))),
          String
        )
      }
      case "takeScoped": {
        const frame = this.#frame(
          order.body,
          `takeScoped ${order.body.id}`,
          order.within ? this.#pool(order) : undefined
        )
        return this.#over(
          order.body,
          Effect.scoped(Effect.flatMap(
            this.#pool(order).takeScoped(askOf(order)),
            (slot) => order.within ? slot.within(frame) : frame
          ))
        )
      }
      case "runIfAvailable": {
        const frame = this.#frame(order.body, `run of pool ${order.pool}`, this.#pool(order))
        return this.#over(
          order.body,
          Effect.map(this.#pool(order).runIfAvailable(frame, askOf(order)), Option.getOrElse(() => "none"))
        )
      }
      case "spawnIfAvailable": {
        const job = this.#spawned(order.body, `spawnIfAvailable of pool ${order.pool}`, this.#pool(order))
        return Effect.map(
          this.#pool(order).spawnIfAvailable(job, askOf(order)),
          Option.match({ onNone: () => "none", onSome: () => "done" })
        )
      }
      case "spawn":
      case "spawnN":
        return this.#pool(order)[order.op](
          this.#spawned(order.body, `${order.op} of pool ${order.pool}`, this.#pool(order)),
          askOf(order)
        )
      case "fork":
        return Effect.forkChild(this.#base(order.body))
      case "detach":
        return Effect.forkDetach(this.#base(order.body))
      case "join": {
        const fiber = this.fibers.get(order.fiber) ?? this.#ended.get(order.fiber)!
        return Effect.map(Fiber.await(fiber), (exit) => `saw ${showExit(exit)}`)
      }
      case "waitall":
        return this.#pool(order).waitall
      case "resize":
        return this.#pool(order).resize(order.size)
      case "allow":
        return Effect.sync(() => {
          this.allowances.set(order.pool, order.slots)
          allowanceOf(this.#pool(order)).allow(order.slots)
        })
      case "evict":
        return allowanceOf(this.#pool(order)).evict
      case "close":
        return this.pools[order.pool]!.close
      case "map":
        return this.#map(order)
      case "pull":
        return Effect.matchCauseEffect(this.#pulls.get(actor)!, {
          onFailure: (cause) => {
            const isDone = Pull.isDoneCause(cause)
            if (isDone || showCause(cause) !== "interrupted") this.board.exhausted.add(actor)
            return isDone ? Effect.succeed("end") : Effect.failCause(cause)
          },
          onSuccess: (chunk) =>
            Effect.succeed(`gave ${chunk.map((result) => Exit.isExit(result) ? showExit(result) : result).join(", ")}`)
        })
      case "pile":
        return this.#over(
          order.body,
          Effect.scoped(Effect.flatMap(
            GreenPile.make<string, Named>(order.pool === undefined ? order.size : this.pools[order.pool]!.pool),
            (pile) => {
              this.#piles.set(order.body.id, pile)
              if (order.pool !== undefined) this.#pilePools.set(order.body.id, this.pools[order.pool]!.pool)
              return this.#frame(order.body)
            }
          ))
        )
      case "pileSpawn":
        return this.#piles.get(order.pile)!.spawn(
          this.#spawned(order.body, `spawn of pile ${order.pile}`, this.#pilePools.get(order.pile)),
          askOf(order)
        )
      case "next":
        return Effect.map(this.#piles.get(order.pile)!.next, Option.getOrElse(() => "none"))
      case "results":
        return Stream.runForEach(
          this.#piles.get(order.pile)!.results,
          (result) => Effect.sync(() => this.board.note(actor, `results gave ${result}`))
        )
      case "exits":
        return Stream.runForEach(
          this.#piles.get(order.pile)!.exits,
          (exit) => Effect.sync(() => this.board.note(actor, `exits gave ${showExit(exit)}`))
        )
    }
  }

  #pool(order: { readonly pool: number }): GreenPool {
    return this.pools[order.pool]!.pool
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

  #map(order: Extract<Order, { readonly op: "map" }>): Effect.Effect<string, unknown> {
    const { body, source, verb } = order
    const kind = `item of ${body.id}`
    const items = openSource(this.board, body.id, source, this.#feeds)
    const job = (index: number) => {
      const item = itemOf(body.id, source, index)
      // The first operation of its fiber is the map's own, and one step with the first of the job.
      this.simulation.hold(2)
      if (item.kind !== "throw") return this.#spawned(item, kind, this.#pool(order))
      this.board.enter(kind, item.id)
      this.board.set(item.id, `over: die ${item.id}`)
      return end(item.id, item.kind)
    }
    const pool = this.#pool(order)
    const second = source.second === undefined ? undefined : Array.from({ length: source.second }, () => "second")
    const zipped = (index: number, other: string) => other === "second" ? job(index) : Effect.die(other)
    const stream: Stream.Stream<string | Exit.Exit<string, Named>, unknown> = verb === "imapExit"
      ? second === undefined ? pool.imapExit(job, items) : pool.imapExit(zipped, items, second)
      : second === undefined
      ? pool[verb](job, items)
      : pool[verb](zipped, items, second)
    return this.#over(
      body,
      Effect.scoped(Effect.flatMap(Stream.toPull(stream), (pull) => {
        this.#pulls.set(body.id, pull)
        return this.#frame(body)
      }))
    )
  }
}
