/**
 * A map as the contract describes it: items in hand, a window over them, one place in the queue.
 */
import type { Board } from "./board.ts"
import { block, type Fiber, Interrupted, Raise, type Runtime, type Steps, uninterruptible } from "./fibers.ts"
import { innermost, Job, outcomeOf, type Pool, stopAll } from "./model.ts"
import { type Body, type Feed, itemOf, type OrderOf } from "./program.ts"

interface Item {
  readonly job: Job
  readonly body: Body
  exit: string | undefined
}

export class MapModel {
  readonly #board: Board
  readonly #runtime: Runtime
  readonly #pool: Pool
  readonly #outer: Job | undefined
  readonly #id: string
  readonly #order: OrderOf<"map">
  readonly #launch: (job: Job, body: Body) => Fiber
  readonly #onResize = () => this.#fillSoon()
  readonly #onClose = () => {
    this.#stop()
    this.#wakeConsumer()
  }
  /** A map from outside goes on with what it has in hand, and then ends. */
  readonly #onDrain = () => {
    if (this.#isDrained) this.#wakeConsumer()
  }
  readonly #isRefused: boolean
  #taken = 0
  /** Items that a source that is fed has delivered and nobody has taken. */
  #delivered = 0
  #fetching = false
  #sourceEnded = false
  #ended: string | undefined = undefined
  #read = false
  #stopped = false
  #closed: boolean
  readonly #jobs: Array<Job> = []
  #inHand = 0
  /** What is emitted next: all that is in hand, or what has ended, in order of ending. */
  readonly #next: Array<Item> = []
  #waiting: Item | undefined = undefined
  #consumer: (() => void) | undefined = undefined

  constructor(
    board: Board,
    runtime: Runtime,
    pool: Pool,
    outer: Job | undefined,
    order: OrderOf<"map">,
    launch: (job: Job, body: Body) => Fiber
  ) {
    this.#board = board
    this.#runtime = runtime
    this.#pool = pool
    this.#outer = outer
    this.#id = order.body.id
    this.#order = order
    this.#launch = launch
    this.#closed = this.#isRefused = pool.refuses(outer)
    if (!this.#isRefused) this.#sourceIs("open")
    pool.onResize.add(this.#onResize)
    pool.onClose.add(this.#onClose)
    pool.onDrain.add(this.#onDrain)
  }

  /** What is ready, in one chunk; waits for the first. */
  *pull(self: Fiber): Steps<string> {
    for (;;) {
      if (this.#pool.closed || this.#isRefused) throw Interrupted
      this.#read = true
      this.#fill()
      const chunk = this.#emit()
      if (chunk.length > 0) {
        this.#fill()
        return `gave ${chunk.join(", ")}`
      }
      if (this.#isDrained) {
        yield* uninterruptible(self, this.close())
        throw Interrupted
      }
      const over = this.#next[0]?.exit ?? (this.#inHand === 0 ? this.#ended : undefined)
      if (over !== undefined) {
        yield* uninterruptible(self, this.close())
        if (over !== Interrupted.text) this.#board.exhausted.add(this.#id)
        if (over === "end") return "end"
        throw new Raise(over)
      }
      yield* block<void>((resume) => {
        this.#consumer = resume
      })
    }
  }

  /** Interrupts what is in flight, waits for it, and closes the source. */
  *close(): Steps<void> {
    this.#stop()
    this.#pool.onResize.delete(this.#onResize)
    this.#pool.onClose.delete(this.#onClose)
    this.#pool.onDrain.delete(this.#onDrain)
    yield* stopAll(this.#runtime, this.#jobs, undefined)
    if (this.#closed) return
    this.#closed = true
    this.#fetching = false
    if (!this.#sourceEnded) this.#sourceIs("closed")
  }

  feed(feed: Feed): void {
    this.#fetching = false
    if (feed.op === "items") {
      this.#delivered = this.#order.source.kind === "async" ? 1 : feed.count
      this.#sourceIs("open")
    } else this.#endSource(feed.op === "end" ? "end" : "fail source")
    this.#fillSoon()
  }

  #sourceIs(state: string): void {
    this.#board.set(`${this.#id} source`, state)
  }

  #endSource(how: string): void {
    this.#sourceEnded = true
    this.#ended = how
    this.#sourceIs("ended")
  }

  #fillSoon(): void {
    this.#runtime.soon(() => this.#fill())
  }

  /** Takes items and starts their jobs, until the window is full, an item waits for its slot, or none is there. */
  #fill(): void {
    const waiting = this.#waiting
    if (waiting?.job.state === "running") {
      this.#waiting = undefined
      this.#start(waiting)
    }
    while (
      this.#read && !this.#stopped && this.#ended === undefined && this.#waiting === undefined && !this.#fetching &&
      this.#inHand < Math.max(1, this.#pool.size) && !this.#pool.refuses(this.#outer)
    ) {
      const body = this.#take()
      if (body === undefined) continue
      this.#inHand++
      const job = new Job(`item of ${this.#id}`, body.id, this.#outer)
      const item: Item = { job, body, exit: undefined }
      this.#jobs.push(job)
      if (this.#order.verb !== "imapUnordered") this.#next.push(item)
      job.onStop = () => this.#pool.end(job, "interrupted")
      this.#pool.enter(job)
      if (job.state === "running") {
        this.#start(item)
      } else {
        this.#waiting = item
        job.onGrant = () => this.#fillSoon()
      }
    }
    this.#wakeConsumerIfReady()
  }

  /** The next item, or else the source is asked for more or has ended. */
  #take(): Body | undefined {
    const { bodies, kind, second, throws } = this.#order.source
    const there = kind === "iterator" ? Math.min(bodies.length, second ?? Infinity) - this.#taken : this.#delivered
    if (there > 0) {
      this.#delivered--
      return itemOf(this.#id, this.#order.source, this.#count())
    }
    if (kind !== "iterator") {
      this.#fetching = true
      this.#sourceIs("awaited")
    } else if (this.#taken < bodies.length) {
      // The second source has ended, which shows only when the first has given one more.
      this.#count()
      this.#ended = "end"
    } else this.#endSource(throws ? "die source" : "end")
    return undefined
  }

  #count(): number {
    this.#taken++
    if (this.#order.source.kind === "iterator") this.#board.set(`${this.#id} taken`, String(this.#taken))
    return this.#taken - 1
  }

  #start(item: Item): void {
    const fiber = this.#launch(item.job, item.body)
    item.job.onStop = () => fiber.interrupt()
    // The first step of its job is one with that of the map, unless the runtime yields in between.
    if (this.#runtime.choose(2) === 0) fiber.begin()
    else fiber.beginSoon()
    fiber.observe((exit) => {
      this.#pool.end(item.job, outcomeOf(exit))
      item.exit = exit
      if (this.#order.verb === "imapUnordered") this.#next.push(item)
      if (!exit.startsWith("succeed") && this.#order.verb !== "imapExit") this.#stop()
      this.#wakeConsumerIfReady()
    })
  }

  #emit(): Array<string> {
    const chunk: Array<string> = []
    for (;;) {
      const exit = this.#next[0]?.exit
      if (exit === undefined || (this.#order.verb !== "imapExit" && !exit.startsWith("succeed"))) return chunk
      chunk.push(exit)
      this.#next.shift()
      this.#inHand--
    }
  }

  get #isDrained(): boolean {
    return this.#pool.draining && innermost(this.#outer) === undefined && this.#inHand === 0 &&
      this.#ended === undefined
  }

  #wakeConsumerIfReady(): void {
    if (this.#isDrained) this.#wakeConsumer()
    if (this.#next[0]?.exit !== undefined || (this.#ended !== undefined && this.#inHand === 0)) this.#wakeConsumer()
  }

  #wakeConsumer(): void {
    this.#consumer?.()
    this.#consumer = undefined
  }

  /** Takes no item any more; the one that waits for its slot will not get it. */
  #stop(): void {
    this.#stopped = true
    const job = this.#waiting?.job
    this.#waiting = undefined
    if (job?.state === "waiting") this.#pool.leave(job)
    else if (job?.state === "running") this.#pool.end(job, "interrupted")
  }
}
