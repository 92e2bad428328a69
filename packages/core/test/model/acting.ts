/**
 * Random programs whose users' functions act on the pool, or throw, whenever the pool calls them: its clock, tracer,
 * logger, bound and weights, the sources, functions and windows of maps, and the observers of fibers.
 *
 * There is no model of what comes of it. What must hold is checked when all has come to rest: no slot and no place in the
 * queue is lost, every caller ends, and the counters add up.
 */
import {
  Clock,
  Context,
  Deferred,
  type Duration,
  Effect,
  Exit,
  type Fiber,
  Logger,
  Scope,
  Stream,
  Tracer
} from "effect"
import { toInternal } from "../../src/GreenPool.ts"
import { GreenPile, GreenPool, type JobOptions, type Verdict } from "../../src/index.ts"
import { VirtualClock } from "../support/virtual-clock.ts"
import { World } from "../support/world.ts"
import { given } from "./program.ts"
import { Random } from "./random.ts"

/** What a callback throws. */
class Bug extends Error {}

/** How many actions callbacks may set off in all, and inside each other. */
const Budget = 60
const MaxDepth = 3

class ActingProgram {
  readonly #random: Random
  readonly #world = new World()
  readonly #scope = Scope.makeUnsafe()
  readonly #pool: GreenPool
  readonly #context: Context.Context<never>
  readonly #callers: Array<readonly [kind: string, Fiber.Fiber<unknown, unknown>]> = []
  readonly #gates: Array<Deferred.Deferred<void>> = []
  readonly #clock: VirtualClock
  #isClosed = false
  #depth = 0
  #budget = 0

  constructor(seed: number) {
    this.#random = new Random(seed)
    const clock = this.#clock = this.#actingClock()
    this.#context = Context.make(Clock.Clock, clock).pipe(
      Context.add(Tracer.Tracer, this.#tracer()),
      Context.add(Logger.CurrentLoggers, new Set([Logger.make(this.#mayThrow)]))
    )
    const make = GreenPool.make({
      size: 1 + this.#below(3),
      tracing: true,
      metrics: this.#below(2) === 0,
      slowWait: 1 + this.#below(3),
      adaptive: this.#below(2) === 0 && { max: 3 + this.#below(20), classify: () => this.#verdict() },
      maxWaiting: () => {
        this.#mayThrow()
        return 1 + this.#below(20)
      },
      weight: () => {
        this.#mayThrow()
        return 1 + this.#below(3)
      },
      onClose: this.#below(4) === 0 ? "drain" : "interrupt",
      drainTimeout: 5
    })
    this.#pool = this.#world.get(
      Effect.provideContext(Scope.provide(Effect.orDie(make), this.#scope), this.#context)
    ) as GreenPool<never>
  }

  /** Runs it. Says what is wrong in the end. */
  run(): ReadonlyArray<string> {
    this.#budget = Budget
    for (let step = 0; step < 30; step++) {
      this.#survive(() => this.#action())
      if (this.#below(3) === 0) this.#survive(() => this.#clock.advance(1))
      if (this.#below(2) === 0) this.#settle()
    }
    this.#budget = 0
    if (!this.#isClosed) this.#fork("resize", this.#pool.resize(3))
    for (let round = 0; round < 40; round++) {
      this.#survive(() => this.#open(this.#gates.splice(0)))
      this.#survive(() => this.#clock.advance(1))
      this.#settle()
    }
    return this.#problems()
  }

  #problems(): ReadonlyArray<string> {
    const queued = toInternal(this.#pool).slots.semaphore.toArray().length
    const stats = Effect.runSync(this.#pool.stats)
    const { borrowed, failed, interrupted, running, started, succeeded, waiting } = stats
    const left = this.#callers.flatMap(([kind, fiber]) => fiber.pollUnsafe() === undefined ? [kind] : [])
    const state = `(${this.#isClosed ? "closed" : "open"}, ${JSON.stringify(stats)})`
    return Object.entries({
      [`${queued} are in the queue`]: queued !== waiting,
      "it is not at rest": running + waiting + borrowed > 0,
      "the counters do not add up": started !== succeeded + failed + interrupted + running + borrowed,
      "it keeps keys": Effect.runSync(this.#pool.keys).length > 0,
      [`these have not ended: ${left.join(", ")}`]: left.length > 0,
      "somebody sleeps": this.#clock.sleeping > 0
    }).flatMap(([problem, isSo]) => isSo ? [`${problem} ${state}`] : [])
  }

  /** In the end, no job pauses the pool any more. */
  #verdict(): Verdict {
    this.#mayThrow()
    const mayPause = this.#budget > 0 && this.#below(4) === 0
    return mayPause ? { retryAfter: this.#below(4) } : this.#random.pick(["ok", "overload", "ignore"])
  }

  #below(limit: number): number {
    return this.#random.below(limit)
  }

  /** Whatever a callback throws is an uncaught exception, after which the process goes on. */
  #survive(step: () => void): boolean {
    try {
      step()
      return true
    } catch (error) {
      if (error instanceof Bug) return false
      throw error
    }
  }

  /** Runs until nothing is left to do: after what was thrown, with the next task. */
  #settle(): void {
    if (!this.#survive(() => this.#world.run())) this.#settle()
  }

  /** What a callback does: mostly nothing, else one of the actions. */
  readonly #act = (): boolean => {
    if (this.#depth >= MaxDepth || this.#budget <= 0 || this.#below(4) !== 0) return false
    this.#budget--
    this.#depth++
    this.#survive(() => this.#action())
    this.#depth--
    return true
  }

  /** The same, and then it throws now and then. */
  readonly #mayThrow = (): void => {
    if (this.#act() && this.#below(6) === 0) throw new Bug()
  }

  #action(): void {
    const pool = this.#pool
    const actions: ReadonlyArray<() => void> = [
      () => this.#fork("run", pool.run(this.#nested(this.#below(3)), this.#options())),
      () => this.#fork("spawn", pool.spawn(this.#nested(this.#below(2)), this.#options())),
      () => this.#fork("spawnN", pool.spawnN(this.#below(4) === 0 ? Effect.die("no") : this.#body())),
      () => this.#fork("runIfAvailable", pool.runIfAvailable(this.#body(), this.#below(2) === 0 ? {} : this.#key())),
      () => this.#fork("takeScoped", this.#taken()),
      () => this.#fork("runStream", Stream.runDrain(pool.runStream(this.#items(), this.#options()))),
      () => this.#fork("map", this.#map()),
      () => this.#fork("pile", this.#pile()),
      () => this.#fork("waitall", pool.waitall),
      () => this.#fork("resize", pool.resize(this.#below(4))),
      () => this.#callers[this.#below(Math.max(1, this.#callers.length))]?.[1].interruptUnsafe(),
      () => this.#open(this.#gates.splice(this.#below(Math.max(1, this.#gates.length)), 1)),
      () => {
        if (this.#isClosed || this.#below(6) !== 0) return
        this.#isClosed = true
        this.#fork("close", Scope.close(this.#scope, Exit.void))
      }
    ]
    actions[this.#below(actions.length)]?.()
  }

  #open(gates: ReadonlyArray<Deferred.Deferred<void>>): void {
    for (const gate of gates) Deferred.doneUnsafe(gate, Exit.void)
  }

  #fork(kind: string, effect: Effect.Effect<unknown, unknown>): void {
    const fiber = this.#world.fork(Effect.provideContext(effect, this.#context))
    this.#callers.push([kind, fiber])
    if (fiber.pollUnsafe() === undefined) fiber.addObserver(this.#mayThrow)
  }

  /** The value, once in so many times. */
  #once<A>(times: number, value: () => A): A | undefined {
    return this.#below(times) === 0 ? value() : undefined
  }

  #key(): { readonly key: string } {
    return { key: this.#random.pick(["a", "b", "c"]) }
  }

  #options(): JobOptions {
    return given({
      key: this.#below(2) === 0 ? undefined : this.#key().key,
      priority: this.#once(3, () => this.#below(3)),
      maxWait: this.#once(3, () => 1 + this.#below(3))
    })
  }

  #body(): Effect.Effect<void> {
    return Effect.withFiber((fiber) => {
      const which = this.#below(4)
      if (which === 0) return Effect.void
      if (which === 2) fiber.addObserver(this.#mayThrow)
      if (which < 3) return Effect.yieldNow
      const gate = Deferred.makeUnsafe<void>()
      this.#gates.push(gate)
      return Deferred.await(gate)
    })
  }

  #nested(depth: number): Effect.Effect<void, unknown> {
    return depth === 0
      ? this.#body()
      : Effect.andThen(this.#pool.run(this.#nested(depth - 1), this.#options()), this.#body())
  }

  #items(): Stream.Stream<number> {
    return Stream.range(1, 1 + this.#below(4)).pipe(Stream.rechunk(1), Stream.tap(() => this.#body()))
  }

  #taken(): Effect.Effect<unknown, unknown> {
    return Effect.scoped(Effect.flatMap(this.#pool.takeScoped(this.#options()), (slot) => slot.within(this.#nested(1))))
  }

  #map(): Effect.Effect<unknown, unknown> {
    const act = this.#mayThrow
    const numbers = function*(count: number) {
      for (let item = 0; item < count; item++) {
        act()
        yield item
      }
    }
    const count = this.#below(5)
    const verb = this.#random.pick(["imap", "imapUnordered", "imapExit", "imapExitUnordered"] as const)
    const stream = (this.#pool[verb] as GreenPool["imap"])(
      () => {
        act()
        return this.#nested(this.#below(2))
      },
      // Of either kind.
      (this.#below(3) === 0 ? this.#items() : numbers(count)) as Stream.Stream<number>,
      given({
        key: this.#once(3, () => this.#key().key),
        concurrency: this.#once(3, () => 1 + this.#below(2)),
        window: this.#once(3, () => (size: number) => {
          act()
          return size + 1
        })
      })
    )
    return this.#below(4) === 0 ? Stream.runHead(stream) : Stream.runDrain(stream)
  }

  #pile(): Effect.Effect<unknown, unknown> {
    const use = (pile: GreenPile<void, unknown>) =>
      Effect.all([pile.spawn(this.#nested(1)), pile.spawn(this.#body(), this.#key()), pile.next, pile.next])
    return Effect.scoped(Effect.flatMap(GreenPile.make<void, unknown>(this.#pool), use))
  }

  #actingClock(): VirtualClock {
    const act = (): void => void this.#act()
    return new class extends VirtualClock {
      override monotonicTimeNanosUnsafe(): bigint {
        act()
        return super.monotonicTimeNanosUnsafe()
      }

      override sleep(duration: Duration.Duration): Effect.Effect<void> {
        return Effect.suspend(() => {
          act()
          return Effect.onInterrupt(super.sleep(duration), () => Effect.sync(act))
        })
      }
    }()
  }

  #tracer(): Tracer.Tracer {
    const act = this.#mayThrow
    return Tracer.make({
      span: (options) => {
        act()
        return new class extends Tracer.NativeSpan {
          override end(time: bigint, exit: Exit.Exit<unknown, unknown>): void {
            super.end(time, exit)
            act()
          }
        }(options)
      }
    })
  }
}

/** Runs the program of this seed. Says what is wrong in the end, if anything is. */
export const actOut = (seed: number): string | undefined => {
  const problems = new ActingProgram(seed).run()
  if (problems.length === 0) return undefined
  return [...problems, `Replay: node packages/core/test/model/fuzz.ts --acting --seed ${seed} --minutes 0`].join("\n")
}
