/**
 * The maps: items of a source through jobs of the pool, within a window.
 *
 * The window bounds a map: an item is in flight from the moment it is taken out of the source until its result is
 * emitted, and at most `window` items are. A map takes an item, gets a slot for it, and continues until the window is full,
 * the source has nothing ready, or an item has to wait for its slot. So a map has at most one position in the queue,
 * and never holds a slot without an item.
 *
 * Two fibers fill the window: the reader's, when it pulls, and the map's own worker, when a slot is granted or the size
 * changes. Only the worker opens and pulls streams and async iterables, and it lives as long as the map: what a source
 * forks lives as long as it does without a map.
 */
import { Cause, Channel, type Context, Effect, Exit, Fiber, Scope, Stream } from "effect"
import type { JobOptions } from "../Admission.ts"
import type { MapOptions } from "../MapOptions.ts"
import type { Source } from "../Source.ts"
import { LinkedList } from "./linked-list.ts"
import { MapLimits } from "./map-limits.ts"
import type { JobGroup, Pool } from "./pool.ts"
import { type Result, Results } from "./results.ts"
import { innermost, Job, type JobRef } from "./slots.ts"
import { type Cursor, Empty, End, open } from "./source.ts"

/** How a map emits: in the order of the items or as they finish, values up to the first failure or all exits. */
export interface Mode {
  readonly ordered: boolean
  readonly exits: boolean
}

type Call = (item: unknown) => Effect.Effect<unknown, unknown, unknown>

export const map = (
  pool: Pool,
  call: Call,
  sources: ReadonlyArray<Source.Any>,
  mode: Mode,
  options: MapOptions = {}
): Stream.Stream<unknown, unknown, unknown> =>
  Stream.fromChannel(
    Channel.fromTransform((_, scope) =>
      Effect.uninterruptible(Effect.withFiber((reader) => {
        if (pool.gate.refuses({ enclosing: pool.jobAround(reader) })) return pool.gate.refuse
        const window = new Window(pool, call, sources, mode, new MapLimits(options), reader)
        // A scope that has closed in the meantime closes it immediately.
        return Effect.as(Scope.addFinalizerExit(scope, window.close), window.pull)
      }))
    )
  )

class MapJob extends Job implements Result {
  item: unknown
  exit: Exit.Exit<unknown, unknown> | undefined = undefined
  after: Result | undefined = undefined
  /** Set in the first operation of the fiber. */
  fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined
  private readonly window: Window
  private interruptor: number | undefined = undefined

  constructor(window: Window, enclosing: Job | undefined, item: unknown, options: JobOptions | undefined) {
    super(window.pool.slots, window.jobs, enclosing, options)
    this.window = window
    this.item = item
  }

  get isRefused(): boolean {
    return this.window.isRefused
  }

  onWaitEnd(): void {
    this.window.scheduleFill()
  }

  /**
   * The job has its fiber, before anything of the user's runs in it: the observer is the first, and what other observers
   * throw loses no slot. An interruption that came before is made up for.
   */
  begin(fiber: Fiber.Fiber<unknown, unknown>): void {
    this.fiber = fiber
    fiber.addObserver((exit) => this.window.settle(this, exit))
    if (this.interruptor !== undefined) fiber.interruptUnsafe(this.interruptor)
  }

  interrupt(fiberId: number): void {
    if (this.fiber !== undefined) this.fiber.interruptUnsafe(fiberId)
    else this.interruptor = fiberId
  }

  isRunBy(fiber: object): boolean {
    return fiber === this.fiber
  }
}

class Window implements JobGroup {
  readonly pool: Pool
  /** The jobs that hold a slot. */
  readonly jobs = new LinkedList<Job>()
  private readonly call: Call
  private readonly mode: Mode
  private readonly limits: MapLimits
  /** The context of the reader's fiber when it began: that of the source and of all jobs. */
  private readonly context: Context.Context<never>
  /** The job around the reader at its last pull. */
  private around: JobRef | undefined = undefined
  /** The job that the worker is inside. */
  private workerAround: JobRef | undefined
  /** The scope of the sources. */
  private readonly scope = Scope.makeUnsafe()
  private cursor: Cursor | undefined = undefined
  /** Whether the worker opens or pulls the source, or is about to. */
  private isPulling = true
  /** How the source ended. */
  private sourceExit: Exit.Exit<void, unknown> | undefined = undefined
  /** The first failure of a job, where that ends the map. */
  private jobFailure: Exit.Exit<unknown, unknown> | undefined = undefined
  /** Items are taken while the map is read: not before, and not after a failure. */
  private state: "unread" | "reading" | "stopped" = "unread"
  /** The fiber that fills the window just now: one at a time. */
  private filler: Fiber.Fiber<unknown, unknown> | undefined = undefined
  private isClosing = false
  private inFlight = 0
  /** Jobs that run, or wait for their slots. */
  private active = 0
  /** How the map ended, for the reader. */
  private mapExit: Exit.Exit<void, unknown> | undefined = undefined
  /** The item taken last, until its job is launched: it waits for its slot or has just got it. */
  private unlaunched: MapJob | undefined = undefined
  /** Of all in flight or, if order doesn't matter, of those that have ended. */
  private readonly results = new Results()
  /** Resumes the reader, when it waits. */
  private resumeReader: ((pull: WindowPull) => void) | undefined = undefined
  private resumeWorker: (() => void) | undefined = undefined
  private isFillDue = false
  /** Whether the map stands still because its window is full of items that run. */
  private stalled = false
  /** What the window was when the map last looked. */
  private lastWindow = Infinity
  private readonly worker: Fiber.Fiber<never>

  constructor(
    pool: Pool,
    call: Call,
    sources: ReadonlyArray<Source.Any>,
    mode: Mode,
    limits: MapLimits,
    reader: Fiber.Fiber<unknown, unknown>
  ) {
    this.pool = pool
    this.call = call
    this.mode = mode
    this.limits = limits
    this.context = reader.context
    this.workerAround = pool.jobAround(reader)?.ref
    pool.groups.add(this)
    // A stream may be a map in turn: a chain of them is opened turn by turn, which takes no native stack.
    if (sources.some(Stream.isStream)) this.scheduleFill()
    this.worker = Effect.runForkWith(this.context as Context.Context<unknown>)(
      Effect.suspend(() => this.isFillDue ? this.turn : Effect.void).pipe(
        Effect.andThen(Effect.exit(open(sources, this.scope))),
        Effect.flatMap((opened) => {
          this.isPulling = false
          if (opened._tag === "Success") this.cursor = opened.value
          else this.sourceExit = Exit.asVoid(opened)
          return this.work
        })
      )
    )
    this.worker.addObserver((exit) => {
      // The user's own code can interrupt it: what runs in it are `f` and the source.
      if (!this.isClosing) this.end(exit)
    })
  }

  /** What is ready, as one chunk; waits for the first result when there is none. */
  readonly pull: WindowPull = Effect.withFiber((reader) => {
    if (this.pool.gate.isShut) return Effect.interrupt
    this.belongTo(this.pool.jobAround(reader)?.ref)
    if (this.state === "unread") this.state = "reading"
    this.fill(reader)
    const chunk = this.results.take(this.mode.exits)
    this.inFlight -= chunk.length
    if (isNonEmpty(chunk)) {
      this.fill(reader)
      return Effect.succeed(chunk)
    }
    const last = this.mapExit ?? this.results.next ?? this.emptyExit
    if (last !== undefined) return this.finish(this.mapExit = Exit.asVoid(last))
    return Effect.callback((resume) => {
      if (this.isReady) resume(this.pull)
      else this.resumeReader = resume
    })
  })

  /** The map is inside this job from here on, or outside of any: so are the item that waits and the source. */
  private belongTo(around: JobRef | undefined): void {
    if (around === this.around) return
    this.around = around
    if (this.unlaunched?.state === "waiting") this.pool.slots.move(this.unlaunched, around)
  }

  /** Closes the map and ends the stream as `over` says; a failure of the close comes after that. */
  private finish(over: Exit.Exit<void, unknown>): Effect.Effect<never, unknown> {
    return Effect.flatMap(Effect.exit(this.close(over)), (closed) => {
      const causes = [over, closed].flatMap((exit) => exit._tag === "Failure" ? [exit.cause] : [])
      return causes.length === 0 ? Cause.done() : Effect.failCause(causes.reduce(Cause.combine))
    })
  }

  /**
   * Interrupts and awaits what is in flight, then closes the sources, which are told how the map ended. A reader that
   * still waits for results is interrupted. Once done, it does nothing. `exit` is that of the reader.
   */
  readonly close = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
    Effect.uninterruptible(Effect.withFiber((closer) => {
      const told = this.exitForSources(exit)
      this.isClosing = true
      this.stop()
      // The jobs may use what the source holds: they end before it is interrupted and closed.
      return this.pool.interruptAll(this.jobs.toArray()).pipe(
        Effect.andThen(Effect.suspend(() => {
          this.pool.tasks.interrupt(this.worker, closer.id)
          // The source may close the map inside its own step.
          return this.worker === closer || this.worker === this.filler ? Effect.void : Fiber.await(this.worker)
        })),
        Effect.andThen(Scope.close(this.scope, told)),
        Effect.ensuring(Effect.sync(() => {
          this.pool.forget(this)
          this.discard()
        }))
      )
    }))

  /**
   * What the sources are told: the failure of the map or of its reader, interruption if the pool has closed, otherwise
   * success. A failure that the reader hasn't reached counts as well: a source must not commit after a failed job.
   */
  private exitForSources(exit: Exit.Exit<unknown, unknown>): Exit.Exit<unknown, unknown> {
    if (this.mapExit !== undefined) return this.mapExit
    if (exit._tag === "Failure") return exit
    if (this.jobFailure !== undefined) return this.jobFailure
    if (this.sourceExit?._tag === "Failure") return this.sourceExit
    return this.pool.gate.isShut ? Exit.interrupt() : exit
  }

  /** Makes the worker fill the window soon. */
  scheduleFill(): void {
    if (this.isFillDue) return
    this.isFillDue = true
    this.pool.tasks.schedule(this.wakeWorker)
  }

  private readonly wakeWorker = (): void => this.resumeWorker?.()

  /** A map from outside of the pool's jobs continues with what it has in flight while the pool drains, and then ends. */
  onPoolChange(): void {
    if (this.pool.gate.isShut) this.stop()
    this.scheduleFill()
    this.wakeReader()
  }

  /** Waits until a fill is due. */
  private readonly turn: Effect.Effect<void> = Effect.callback((resume) => {
    this.resumeWorker = () => resume(Effect.void)
    // It became due on the way here.
    if (this.isFillDue) this.pool.tasks.schedule(this.wakeWorker)
  })

  /** Fills the window; then pulls the source if that has nothing ready, otherwise waits until the next fill is due. */
  private readonly work: Effect.Effect<never, never, unknown> = Effect.withFiber((worker) => {
    this.isFillDue = false
    this.fill(worker)
    // It may have stopped since the pull became due, or the pool may have begun to drain.
    if (this.isRefused) this.isPulling = false
    if (!this.isPulling) return Effect.flatMap(this.turn, () => this.work)
    if (this.workerAround !== this.around) {
      this.workerAround = this.around
      worker.setContext(this.pool.contextIn(this.around, this.context))
    }
    return Effect.flatMap(Effect.exit(this.cursor!.fetch), (exit) => {
      this.isPulling = false
      if (exit._tag === "Failure") this.sourceExit = exit
      return this.work
    })
  })

  /**
   * Takes items and starts their jobs, as far as the window and the slots allow. What the jobs do in their first steps
   * counts as operations of the fiber that fills: after as many as Effect allows, the worker continues in a turn of its own.
   */
  private fill(filler: Fiber.Fiber<unknown, unknown>): void {
    // The source or a job may make the reader pull inside this, which then continues to fill.
    if (this.filler !== undefined) return
    this.filler = filler
    try {
      if (this.unlaunched?.state === "holding") this.launch(this.unlaunched, filler)
      while (this.canTake) {
        if (filler.currentOpCount >= filler.cache.maxOpsBeforeYield) {
          this.scheduleFill()
          break
        }
        const item = this.takeItem()
        // The source may have made the reader leave.
        if (this.state !== "reading") break
        if (item === Empty) this.pullSource(filler)
        else if (item === End) this.sourceExit ??= Exit.void
        else this.enter(item, filler)
      }
    } catch (defect) {
      // Of the window or the weight, which are functions of the user's.
      this.end(Exit.die(defect))
    }
    this.filler = undefined
    this.countStalled()
    if (this.isReady) this.wakeReader()
  }

  private get canTake(): boolean {
    if (!this.mayTake) return false
    this.lastWindow = this.limits.window(this.pool.slots.semaphore.permits)
    // A window that is computed by a function of the user's may have ended the map.
    return this.inFlight < this.lastWindow && (!this.limits.isComputed || this.mayTake)
  }

  /** Whether the map may take an item, if its window has room for it. */
  private get mayTake(): boolean {
    return !this.isPulling && !this.isRefused && this.sourceExit === undefined && this.unlaunched === undefined &&
      this.active < this.limits.concurrency
  }

  /**
   * Tells an adaptive pool whether the map would use more slots. One whose reader is slow would not, nor one whose source
   * has ended: the end is found only while the window has room.
   */
  private countStalled(): void {
    const { adaptation } = this.pool.ledger
    if (adaptation === undefined) return
    const stalled = this.state === "reading" && this.unlaunched === undefined &&
      this.active < this.limits.concurrency && this.inFlight >= this.lastWindow &&
      this.lastWindow < this.limits.widest &&
      this.results.next === undefined
    if (stalled === this.stalled) return
    this.stalled = stalled
    adaptation.stalled += stalled ? 1 : -1
  }

  get enclosing(): Job | undefined {
    return innermost(this.around)
  }

  /** Whether items get no slots any more. */
  get isRefused(): boolean {
    return this.state !== "reading" || this.pool.gate.refuses(this)
  }

  /** How a map with nothing in flight ends, if it does: as its source has, or because its pool drains. */
  private get emptyExit(): Exit.Exit<void, unknown> | undefined {
    if (this.inFlight > 0) return undefined
    return this.sourceExit ?? (this.pool.gate.refuses(this) ? Exit.interrupt() : undefined)
  }

  private takeItem(): unknown {
    try {
      return this.cursor!.take()
    } catch (defect) {
      this.sourceExit = Exit.die(defect)
      return End
    }
  }

  private pullSource(filler: Fiber.Fiber<unknown, unknown>): void {
    this.isPulling = true
    if (filler !== this.worker) this.scheduleFill()
  }

  private enter(item: unknown, filler: Fiber.Fiber<unknown, unknown>): void {
    const job = new MapJob(this, this.enclosing, item, this.limits.job)
    this.unlaunched = job
    // A function of the user's, called on the way, may have closed the map or its pool.
    if (!this.pool.gate.enterUnbounded(job)) return this.stop()
    this.inFlight++
    this.active++
    if (this.mode.ordered) this.results.append(job)
    if (job.state === "holding") this.launch(job, filler)
  }

  private launch(job: MapJob, filler: Fiber.Fiber<unknown, unknown>): void {
    this.unlaunched = undefined
    const effect = this.effectOf(job.item)
    // An exit needs no fiber.
    if (Exit.isExit(effect)) {
      this.settle(job, effect)
      return spend(filler, 1)
    }
    const context = this.pool.contextOf(job, this.context) as Context.Context<unknown>
    try {
      const fiber = Effect.runForkWith(context)(Effect.withFiber((fiber) => {
        job.begin(fiber)
        // The job starts inside the step that fills the window, which may be inside the start of the job around it.
        return job.mustYield ? Effect.andThen(Effect.yieldNow, effect) : effect
      }))
      spend(filler, fiber.currentOpCount)
    } catch (error) {
      // From an observer that the job added to its own fiber.
      this.pool.tasks.rethrow(error)
    }
  }

  private effectOf(item: unknown): Effect.Effect<unknown, unknown, unknown> {
    try {
      return this.call(item)
    } catch (defect) {
      return Effect.die(defect)
    }
  }

  /** The job has ended. */
  settle(job: MapJob, exit: Exit.Exit<unknown, unknown>): void {
    this.pool.slots.end(job, exit)
    job.item = undefined
    job.exit = exit
    this.active--
    if (!this.mode.ordered) this.results.append(job)
    if (exit._tag === "Failure" && !this.mode.exits) {
      this.jobFailure ??= exit
      this.stop()
    }
    this.countStalled()
    if (this.isReady) this.wakeReader()
    // If the window is wider than the concurrency, an ended job makes room before its result is read.
    if (this.filler === undefined && this.active + 1 === this.limits.concurrency) this.scheduleFill()
  }

  /** Whether `pull` would not have to wait. */
  private get isReady(): boolean {
    return this.pool.gate.isShut || this.mapExit !== undefined || this.results.next !== undefined ||
      this.emptyExit !== undefined
  }

  /** The map ends this way, after the results that are ready. */
  private end(exit: Exit.Exit<void, unknown>): void {
    this.mapExit ??= exit
    this.stop()
    this.wakeReader()
  }

  /** Drops the results that were not emitted. A reader that still waits for them is interrupted. */
  private discard(): void {
    this.mapExit ??= Exit.interrupt()
    this.results.clear()
    this.wakeReader()
  }

  private wakeReader(): void {
    const resume = this.resumeReader
    if (resume === undefined) return
    this.resumeReader = undefined
    this.pool.tasks.schedule(() => resume(this.pull))
  }

  /** Takes no further items; the one that waits for a slot leaves the queue. */
  private stop(): void {
    this.state = "stopped"
    this.countStalled()
    const { unlaunched } = this
    if (unlaunched?.state === "waiting") this.pool.slots.cancel(unlaunched)
    else if (unlaunched?.state === "holding") this.pool.slots.end(unlaunched, Exit.interrupt())
  }
}

type WindowPull = Effect.Effect<[unknown, ...Array<unknown>], unknown>

/** Counts operations that ran inside a step of the fiber towards its next yield. */
const spend = (fiber: Fiber.Fiber<unknown, unknown>, operations: number): void => {
  ;(fiber as { currentOpCount: number }).currentOpCount += operations
}

const isNonEmpty = (chunk: Array<unknown>): chunk is [unknown, ...Array<unknown>] => chunk.length > 0
