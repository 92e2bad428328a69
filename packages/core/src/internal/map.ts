/**
 * The maps: items of a source through jobs of the pool, within a window.
 *
 * The window is what bounds a map: at most `max(1, size)` items are in hand, from being taken out of the source
 * until their results are emitted. A map takes an item, gets a slot for it, and goes on until the window is
 * full, the source has none at the moment, or an item has to wait for its slot: so it has one place in the line
 * and never a slot without an item.
 */
import { Cause, Channel, type Context, Effect, Exit, Fiber, Scope, Stream } from "effect"
import type { Source } from "../Source.ts"
import { Line } from "./line.ts"
import type { Party, Pool } from "./pool.ts"
import { Job, running } from "./slots.ts"
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
  mode: Mode
): Stream.Stream<unknown, unknown, unknown> =>
  Stream.fromChannel(
    Channel.fromTransform((_, scope) =>
      Effect.flatMap(
        Effect.uninterruptible(Effect.withFiber((fiber) => {
          if (pool.refuses(pool.jobAround(fiber))) return Effect.interrupt
          const window = new Window(pool, call, mode, fiber)
          // A scope that has closed meanwhile closes it at once.
          return Effect.as(Scope.addFinalizer(scope, window.close), window)
        })),
        (window) => Effect.map(open(sources, window.scope), (cursor) => window.start(cursor))
      )
    )
  )

class MapJob extends Job {
  item: unknown
  exit: Exit.Exit<unknown, unknown> | undefined = undefined
  /** The one to be emitted after this one. */
  after: MapJob | undefined = undefined
  private window: Window | undefined
  private fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined
  private interruptor: number | undefined = undefined

  constructor(window: Window, enclosing: Job | undefined, item: unknown) {
    super(window.pool.slots, window.jobs, enclosing)
    this.window = window
    this.item = item
  }

  onGrant(): void {
    this.window?.rouse()
  }

  onRefuse(): void {}

  /** The first step of the job is done; what interrupted it meanwhile is made up for. */
  started(fiber: Fiber.Fiber<unknown, unknown>): void {
    // It may have ended in its first step.
    if (this.state === "ended") return
    this.fiber = fiber
    if (this.interruptor !== undefined) fiber.interruptUnsafe(this.interruptor)
  }

  /** What outlives the job, as the context of a fiber that it forked, keeps the job alone. */
  release(): void {
    this.item = this.fiber = this.window = undefined
  }

  interrupt(fiberId: number): void {
    if (this.fiber !== undefined) this.fiber.interruptUnsafe(fiberId)
    else this.interruptor ??= fiberId
  }
}

class Window implements Party {
  readonly pool: Pool
  /** The jobs that hold a slot. */
  readonly jobs = new Line<Job>()
  /** The scope of the sources. */
  readonly scope = Scope.makeUnsafe()
  private readonly call: Call
  private readonly mode: Mode
  /** What the consumer's fiber had when it began to read: that of all jobs. */
  private readonly context: Context.Context<never>
  private enclosing: Job | undefined
  private cursor!: Cursor
  private fetching: Fiber.Fiber<unknown, unknown> | undefined = undefined
  /** How the source ended. */
  private ended: Exit.Exit<void, unknown> | undefined = undefined
  /** Items are taken while it is read: not before, and not after a failure. */
  private state: "unread" | "reading" | "stopped" = "unread"
  /** Whether the window is being filled, which is done in one place at a time. */
  private filling = false
  private inHand = 0
  /** How it ended, for the consumer. */
  private over: Exit.Exit<void, unknown> | undefined = undefined
  /** The one item that has to wait for its slot. */
  private waiting: MapJob | undefined = undefined
  /** What is to be emitted next: of all in hand, or, when order does not matter, of what has ended. */
  private first: MapJob | undefined = undefined
  private last: MapJob | undefined = undefined
  /** Resumes the consumer, when it waits. */
  private consumer: ((pull: WindowPull) => void) | undefined = undefined
  private wakeWorker: (() => void) | undefined = undefined
  private roused = false
  private readonly worker: Fiber.Fiber<never>

  constructor(pool: Pool, call: Call, mode: Mode, consumer: Fiber.Fiber<unknown, unknown>) {
    this.pool = pool
    this.call = call
    this.mode = mode
    this.context = consumer.context
    this.enclosing = pool.jobAround(consumer)
    this.worker = Effect.runForkWith(this.context)(this.work)
    pool.parties.add(this)
  }

  start(cursor: Cursor): WindowPull {
    this.cursor = cursor
    return this.pull
  }

  /** What is ready, as one chunk; waits for the first when nothing is. */
  private readonly pull: WindowPull = Effect.suspend(() => {
    if (this.pool.closed) return Effect.interrupt
    if (this.state === "unread") this.state = "reading"
    this.fill()
    const chunk = this.take()
    if (isNonEmpty(chunk)) {
      this.fill()
      return Effect.succeed(chunk)
    }
    if (this.isDrained) return Effect.andThen(this.close, Effect.interrupt)
    const last = this.first?.exit ?? (this.inHand === 0 ? this.ended : undefined)
    if (last !== undefined) this.over ??= Exit.asVoid(last)
    const { over } = this
    if (over !== undefined) {
      return Effect.andThen(this.close, over._tag === "Success" ? Cause.done() : Effect.failCause(over.cause))
    }
    return Effect.callback((resume) => {
      if (this.isReady) resume(this.pull)
      else this.consumer = resume
    })
  })

  /**
   * Interrupts and awaits what is in flight, then closes the sources. Who still waits for results is interrupted. Once
   * done, it does nothing.
   */
  readonly close: Effect.Effect<void> = Effect.uninterruptible(Effect.withFiber((fiber) => {
    this.stop()
    this.worker.interruptUnsafe(fiber.id)
    const fetching = this.fetching
    return this.pool.interruptAll(this.jobs.toArray()).pipe(
      Effect.andThen(fetching === undefined ? Effect.void : interruptOther(fetching, fiber)),
      Effect.andThen(Scope.close(this.scope, Exit.void)),
      Effect.ensuring(Effect.sync(() => {
        this.pool.forget(this)
        this.discard()
      }))
    )
  }))

  /** Has the window filled soon, in the asynchronous context of the consumer. */
  rouse(): void {
    if (this.roused) return
    this.roused = true
    this.pool.schedule(() => this.wakeWorker?.())
  }

  onResize(): void {
    this.rouse()
  }

  /** A map from outside goes on with what it has in hand, and then ends. */
  onDrain(): void {
    if (this.isDrained) this.wakeConsumer()
  }

  onClose(): void {
    this.stop()
    this.wakeConsumer()
  }

  /** Fills the window whenever it is roused. */
  private readonly work: Effect.Effect<never> = Effect.callback<void>((resume) => {
    this.wakeWorker = () => resume(Effect.void)
    // roused while on the way here
    if (this.roused) this.pool.schedule(this.wakeWorker)
  }).pipe(Effect.flatMap(() => {
    this.wakeWorker = undefined
    this.roused = false
    this.fill()
    return this.work
  }))

  /** Takes items and starts their jobs, as far as the window and the slots allow. */
  private fill(): void {
    // The source or a job may have the consumer pull inside this, which then goes on with the filling.
    if (this.filling) return
    this.filling = true
    if (this.waiting?.state === "holding") this.launch(this.waiting)
    while (this.canTake) {
      const item = this.takeItem()
      // The source may have had the consumer leave.
      if (this.state !== "reading") break
      if (item === Empty) {
        this.fetch()
      } else if (item === End) {
        this.ended ??= Exit.void
      } else {
        this.inHand++
        const job = new MapJob(this, this.enclosing = running(this.enclosing), item)
        if (this.mode.ordered) this.append(job)
        this.pool.slots.enter(job)
        if (job.state === "holding") this.launch(job)
        else this.waiting = job
      }
    }
    this.filling = false
    if (this.isReady) this.wakeConsumer()
  }

  private get canTake(): boolean {
    return this.state === "reading" && !this.pool.refuses(this.enclosing) &&
      this.ended === undefined && this.waiting === undefined &&
      this.fetching === undefined && this.inHand < Math.max(1, this.pool.slots.semaphore.permits)
  }

  /** Whether the map, which the pool refuses, has nothing in hand any more. */
  private get isDrained(): boolean {
    return this.pool.refuses(this.enclosing) && this.inHand === 0 && this.ended === undefined
  }

  private takeItem(): unknown {
    try {
      return this.cursor.take()
    } catch (defect) {
      this.ended = Exit.die(defect)
      return End
    }
  }

  private fetch(): void {
    const fiber = Effect.runForkWith(this.context as Context.Context<unknown>)(
      Effect.withFiber((self) => {
        // Before the source's first step, which may have the consumer leave.
        this.fetching = self
        return this.cursor.fetch
      })
    )
    const exit = fiber.pollUnsafe()
    this.fetching = exit === undefined ? fiber : undefined
    if (exit !== undefined) return this.fetched(exit)
    fiber.addObserver((exit) => {
      this.fetching = undefined
      this.fetched(exit)
      this.rouse()
    })
  }

  private fetched(exit: Exit.Exit<void, unknown>): void {
    if (exit._tag === "Failure") this.ended = exit
  }

  private launch(job: MapJob): void {
    if (this.waiting === job) this.waiting = undefined
    const effect = this.effectOf(job.item)
    // What is over already needs no fiber.
    if (Exit.isExit(effect)) return this.settle(job, effect)
    const context = this.pool.contextOf(job, this.context) as Context.Context<unknown>
    // The job starts inside the step that fills the window, which may be inside the start of the job around it.
    const fiber = Effect.runForkWith(context)(job.mustYield ? Effect.andThen(Effect.yieldNow, effect) : effect)
    fiber.addObserver((exit) => this.settle(job, exit))
    job.started(fiber)
  }

  private effectOf(item: unknown): Effect.Effect<unknown, unknown, unknown> {
    try {
      return this.call(item)
    } catch (defect) {
      return Effect.die(defect)
    }
  }

  private settle(job: MapJob, exit: Exit.Exit<unknown, unknown>): void {
    this.pool.slots.end(job, exit)
    job.release()
    job.exit = exit
    if (!this.mode.ordered) this.append(job)
    if (exit._tag === "Failure" && !this.mode.exits) this.stop()
    if (this.isReady) this.wakeConsumer()
  }

  private append(job: MapJob): void {
    if (this.last === undefined) this.first = job
    else this.last.after = job
    this.last = job
  }

  /** Whether `pull` would not have to wait. */
  private get isReady(): boolean {
    return this.pool.closed || this.over !== undefined || this.isDrained || this.first?.exit !== undefined ||
      (this.ended !== undefined && this.inHand === 0)
  }

  /** Takes the results that are ready out of the window, up to the first failure. */
  private take(): Array<unknown> {
    const chunk: Array<unknown> = []
    for (let job = this.first; job?.exit !== undefined; job = this.first) {
      if (this.mode.exits) chunk.push(job.exit)
      else if (job.exit._tag === "Success") chunk.push(job.exit.value)
      else break
      this.first = job.after
      this.inHand--
      job.exit = job.after = undefined
    }
    if (this.first === undefined) this.last = undefined
    return chunk
  }

  /** What was not emitted is lost: what outlives its job does not keep it. Who reads on is interrupted. */
  private discard(): void {
    this.over ??= Exit.interrupt()
    for (let job = this.first; job !== undefined;) {
      const { after } = job
      job.exit = job.after = undefined
      job = after
    }
    this.first = this.last = undefined
    this.inHand = 0
    this.wakeConsumer()
  }

  private wakeConsumer(): void {
    const consumer = this.consumer
    if (consumer === undefined) return
    this.consumer = undefined
    this.pool.schedule(() => consumer(this.pull))
  }

  /** Takes no item any more; one that waits for its slot will not get it. */
  private stop(): void {
    this.state = "stopped"
    const waiting = this.waiting
    this.waiting = undefined
    if (waiting?.state === "waiting") this.pool.slots.cancel(waiting)
    else if (waiting?.state === "holding") this.pool.slots.end(waiting, Exit.interrupt())
  }
}

type WindowPull = Effect.Effect<[unknown, ...Array<unknown>], unknown>

/** Interrupts the fiber and awaits it, unless it is the one that asks for it. */
const interruptOther = (
  fiber: Fiber.Fiber<unknown, unknown>,
  self: Fiber.Fiber<unknown, unknown>
): Effect.Effect<void> =>
  fiber === self ? Effect.sync(() => fiber.interruptUnsafe(self.id)) : Effect.asVoid(Fiber.interrupt(fiber))

const isNonEmpty = (chunk: Array<unknown>): chunk is [unknown, ...Array<unknown>] => chunk.length > 0
