/**
 * The pools that are shown, their samples, and the pages that watch.
 */
import { InvalidPoolSize, type PoolStats } from "@greenpool/core"
import {
  Cause,
  Clock,
  type Context,
  Deferred,
  Effect,
  Exit,
  Formatter,
  Latch,
  Queue,
  Result,
  type Scope,
  Stream
} from "effect"
import type { Shown } from "../Shown.ts"
import { gzip } from "./bytes.ts"
import { linkOf } from "./link.ts"
import { messageOf } from "./message.ts"
import { columnsOf, keysOf, Row } from "./row.ts"
import { statsOf } from "./stats.ts"
import { Times } from "./times.ts"
import * as Wire from "./wire.ts"

export interface Settings {
  readonly keys: boolean
  /** How many samples are kept. */
  readonly history: number
  /** The least time between two frames, in milliseconds. */
  readonly interval: number
  readonly maxViewers: number
}

/** Time between two samples, in milliseconds. */
const second = 1000

/** A stream ends after so many milliseconds, so that its page has to ask for access again. */
const longestStream = 10 * 60 * second

/** How often it is looked whether the server still listens, in milliseconds. */
const listeningInterval = 200

/** How many frames wait for a page that reads slowly. Older ones are dropped: the next sample has all figures. */
const frameBuffer = 8

type Frames = Queue.Queue<Uint8Array, Cause.Done>

interface Viewer {
  readonly frames: Frames
  readonly opened: number
  readonly isListening: () => boolean
}

/** A command that has not been carried out, and why. */
export interface Refusal {
  readonly status: 404 | 409 | 422 | 500
  readonly error: string
}

/** A size before and after a command. */
export interface Resized {
  readonly from: number
  readonly size: number
}

const encoder = new TextEncoder()

export const event = (data: Wire.Hello | Wire.Frame): Uint8Array => encoder.encode(`data: ${JSON.stringify(data)}\n\n`)

export class Board {
  /** Names this process to its pages. */
  readonly process = crypto.randomUUID()
  private readonly settings: Settings
  private readonly times: Times
  private rows: ReadonlyArray<Row> = []
  private lastId = 0
  /** The version of the list of pools. */
  private list = 0
  private sentList = 0
  private sampleCount = 0
  private readonly sampleTimes: Array<number> = []
  private readonly viewers = new Set<Viewer>()
  private readonly watched = Latch.makeUnsafe(false)
  private readonly unwatched = Latch.makeUnsafe(true)
  /** Open while there is something that no frame has told yet. */
  private readonly changed = Latch.makeUnsafe(false)
  private frameSent = Deferred.makeUnsafe<void>()
  private lastFrame = 0
  private nextSample = 0
  private encodedHistory:
    | { readonly sample: number; readonly list: number; readonly bytes: Uint8Array<ArrayBuffer> }
    | undefined

  constructor(settings: Settings, context: Context.Context<never>) {
    this.settings = settings
    this.times = new Times(context)
  }

  get watching(): number {
    return this.viewers.size
  }

  get isFull(): boolean {
    return this.viewers.size >= this.settings.maxViewers
  }

  /** Takes samples and sends frames, as long as it runs. */
  readonly run: Effect.Effect<never> = Effect.suspend(() => Effect.raceFirst(this.frames, this.supervision))

  /** Shows a pool until the scope closes. */
  show(shown: Shown<unknown>): Effect.Effect<void, never, Scope.Scope> {
    return Effect.gen({ self: this }, function*() {
      const first = yield* Effect.exit(shown.stats)
      // Without stats there is no name, and nothing to show; whoever looks should see that something is missing.
      const stats = Exit.isSuccess(first) ? first.value : statsOf("Unknown pool", [])
      const row = yield* Effect.acquireRelease(
        Effect.sync(() => this.add(shown, stats)),
        (row) => Effect.sync(() => this.remove(row))
      )
      if (Exit.isFailure(first)) this.end(row, messageOf(first.cause))
      yield* Effect.forkScoped(this.follow(row))
    })
  }

  private add(shown: Shown<unknown>, stats: PoolStats): Row {
    const names = new Set(this.rows.map(({ name }) => name))
    let name = stats.name
    for (let n = 2; names.has(name); n++) name = `${stats.name} (${n})`
    const row = new Row(++this.lastId, name, shown, stats)
    this.rows = [...this.rows, row]
    this.onListChange()
    return row
  }

  private remove(row: Row): void {
    this.rows = this.rows.filter((other) => other !== row)
    this.onListChange()
  }

  private end(row: Row, reason: string): void {
    row.ended = reason
    row.keys = undefined
    if (row.look(row.problem, false)) this.onListChange()
  }

  private onListChange(): void {
    this.list++
    this.changed.openUnsafe()
  }

  /** Reads the changes of a pool while a page is open: one state for each frame, however often it changes. */
  private follow(row: Row): Effect.Effect<void> {
    const read = Stream.runForEach(row.shown.changes, (stats) =>
      Effect.suspend(() => {
        // Read first: a frame that is due is sent as soon as the latch opens.
        const { frameSent } = this
        row.update(stats)
        this.changed.openUnsafe()
        return Deferred.await(frameSent)
      }))
    return Effect.gen({ self: this }, function*() {
      while (row.ended === undefined) {
        yield* this.watched.await
        const exit = yield* Effect.raceFirst(Effect.exit(read), this.unwatched.await)
        if (exit !== undefined) this.end(row, Exit.isSuccess(exit) ? "" : messageOf(exit.cause))
      }
    })
  }

  private readonly frames: Effect.Effect<never> = Effect.gen({ self: this }, function*() {
    while (true) {
      const now = yield* Clock.currentTimeMillis
      if (now >= this.nextSample) {
        yield* this.sample
        // The first one is due immediately. After a pause of the process, samples go on from there.
        this.nextSample = (now - this.nextSample < second ? this.nextSample : now) + second
      } else if (this.changed.isOpen() && this.viewers.size > 0 && now >= this.nextFrame(now)) {
        this.send(now)
      } else {
        yield* this.untilDue(now)
      }
    }
  })

  /** When the changes that there are may be sent: with the next sample, if that is less than an interval later. */
  private nextFrame(now: number): number {
    const { interval } = this.settings
    const earliest = Math.max(now, this.lastFrame + interval)
    // Timers are late by some milliseconds, which shall not cost the last frame before each sample.
    return earliest + 0.9 * interval > this.nextSample ? this.nextSample : earliest
  }

  private untilDue(now: number): Effect.Effect<void> {
    if (this.viewers.size === 0) {
      return Effect.raceFirst(Effect.sleep(this.nextSample - now), this.watched.await)
    }
    return this.changed.isOpen()
      ? Effect.sleep(this.nextFrame(now) - now)
      : Effect.raceFirst(Effect.sleep(this.nextSample - now), this.changed.await)
  }

  /** Takes a sample of all pools, and sends it to the pages that are open. */
  private readonly sample: Effect.Effect<void> = Effect.gen({ self: this }, function*() {
    yield* Effect.forEach(this.rows, (row) => row.ended === undefined ? this.read(row) : Effect.void, {
      concurrency: "unbounded"
    })
    this.times.sample()
    const now = yield* Clock.currentTimeMillis
    this.sampleCount++
    keep(this.sampleTimes, now, this.settings.history)
    for (const row of this.rows) {
      const link = linkOf(row.shown)
      const times = link === undefined ? this.times.of(row.stats.name) : link.times
      if (row.look(link?.problem, times !== undefined)) this.onListChange()
      keep(row.samples, times === undefined ? row.figures : [...row.figures, ...times], this.settings.history)
    }
    if (this.viewers.size > 0) this.send(now, this.sampleCount)
  })

  /** Reads the present figures of a pool. One that doesn't answer keeps what it had. */
  private read(row: Row): Effect.Effect<void> {
    const keys = this.settings.keys && this.viewers.size > 0 ? row.shown.keys : undefined
    return Effect.all([row.shown.stats, keys ?? Effect.undefined]).pipe(
      Effect.timeoutOption(second / 2),
      Effect.exit,
      Effect.map((exit) => {
        if (Exit.isFailure(exit)) {
          this.end(row, messageOf(exit.cause))
        } else if (exit.value._tag === "Some") {
          const [stats, keys] = exit.value.value
          row.update(stats)
          row.keys = keys && keysOf(keys)
        }
      })
    )
  }

  /** Sends what has changed, or a sample, to every page; encoded once. */
  private send(now: number, sample?: number): void {
    const isSample = sample !== undefined
    const rows = isSample ? this.rows : this.rows.filter(({ hasChanged }) => hasChanged)
    const keys = isSample ? this.rows.filter(({ keys }) => keys !== undefined && keys.count > 0) : []
    const adaptive = isSample ? this.rows.filter(({ adaptive }) => adaptive !== undefined) : []
    const frame: Wire.Frame = {
      time: now,
      ...isSample && { sample },
      list: this.list,
      ...this.list !== this.sentList && { pools: this.rows.map(({ entry }) => entry) },
      figures: rows.map((row) => [row.id, ...isSample ? row.samples.at(-1)! : row.figures]),
      ...keys.length > 0 && { keys: Object.fromEntries(keys.map((row) => [row.id, row.keys!])) },
      ...adaptive.length > 0 && { adaptive: Object.fromEntries(adaptive.map((row) => [row.id, row.adaptive!])) }
    }
    const bytes = event(frame)
    for (const { frames } of this.viewers) Queue.offerUnsafe(frames, bytes)
    for (const row of rows) row.hasChanged = false
    this.sentList = this.list
    this.lastFrame = now
    this.changed.closeUnsafe()
    const sent = this.frameSent
    this.frameSent = Deferred.makeUnsafe()
    Deferred.doneUnsafe(sent, Exit.void)
  }

  /** Ends the streams that are too old, and those of a server that closes and waits for them. */
  private readonly supervision: Effect.Effect<never> = Effect.gen({ self: this }, function*() {
    while (true) {
      yield* this.watched.await
      yield* Effect.sleep(listeningInterval)
      const now = yield* Clock.currentTimeMillis
      for (const { frames, isListening, opened } of this.viewers) {
        if (now - opened >= longestStream || !isListening()) Queue.endUnsafe(frames)
      }
    }
  })

  /** The events of a page that opens, as long as it reads. */
  feed(hello: Wire.Hello, isListening: () => boolean): Stream.Stream<Uint8Array> {
    return Stream.unwrap(
      Effect.map(
        Effect.acquireRelease(this.join(hello, isListening), (viewer) => Effect.sync(() => this.leave(viewer))),
        ({ frames }) => Stream.fromQueue(frames)
      )
    )
  }

  private join(hello: Wire.Hello, isListening: () => boolean): Effect.Effect<Viewer> {
    return Effect.gen({ self: this }, function*() {
      const frames: Frames = yield* Queue.sliding<Uint8Array, Cause.Done>(frameBuffer)
      const viewer: Viewer = { frames, opened: yield* Clock.currentTimeMillis, isListening }
      if (this.isFull) {
        Queue.endUnsafe(frames)
        return viewer
      }
      Queue.offerUnsafe(frames, event(hello))
      this.viewers.add(viewer)
      this.unwatched.closeUnsafe()
      this.watched.openUnsafe()
      return viewer
    })
  }

  private leave(viewer: Viewer): void {
    this.viewers.delete(viewer)
    if (this.viewers.size > 0) return
    this.watched.closeUnsafe()
    this.unwatched.openUnsafe()
  }

  /** The history as compressed JSON. It is encoded once for each sample, and only if a page asks for it. */
  readonly history: Effect.Effect<Uint8Array<ArrayBuffer>> = Effect.suspend(() => {
    const { encodedHistory, list, sampleCount } = this
    if (encodedHistory?.sample === sampleCount && encodedHistory.list === list) {
      return Effect.succeed(encodedHistory.bytes)
    }
    const history: Wire.History = {
      process: this.process,
      list,
      pools: this.rows.map(({ entry }) => entry),
      length: this.settings.history,
      sample: sampleCount,
      times: Wire.differences(this.sampleTimes),
      figures: Object.fromEntries(this.rows.map(({ id, samples }) => [id, columnsOf(samples)]))
    }
    return Effect.tap(gzip(encoder.encode(JSON.stringify(history))), (bytes) =>
      Effect.sync(() => {
        this.encodedHistory = { sample: sampleCount, list, bytes }
      }))
  })

  /** Carries a command out, and gives the size before and after. */
  steer({ command, pool: name, size }: Wire.Command): Effect.Effect<Result.Result<Resized, Refusal>> {
    return Effect.gen({ self: this }, function*() {
      const row = this.rows.find((row) => row.name === name)
      if (row === undefined) return refuse(404, `There is no pool named ${JSON.stringify(name)}.`)
      const { resize } = row.shown
      if (resize === undefined) return refuse(409, "This pool can't be resized from here.")
      if (row.ended !== undefined) return refuse(409, closed)
      const before = yield* Effect.exit(row.shown.stats)
      if (Exit.isFailure(before)) return refuse(500, messageOf(before.cause))
      row.update(before.value)
      const from = before.value.size
      if (command === "resume" && row.resume === 0) {
        return refuse(409, "The size before the pause isn't known: set a size.")
      }
      const to = command === "resize" ? size : command === "pause" ? 0 : row.resume
      // What was typed and is no number at all never reaches the pool, but is refused in the same words.
      const exit = yield* Effect.exit(
        typeof to === "number" ? resize(to) : new InvalidPoolSize({ value: Formatter.format(to) })
      )
      if (Exit.isFailure(exit)) {
        if (Cause.hasInterruptsOnly(exit.cause)) return refuse(409, closed)
        const error = Cause.squash(exit.cause)
        return refuse(error instanceof InvalidPoolSize ? 422 : 500, messageOf(exit.cause))
      }
      const after = yield* Effect.exit(row.shown.stats)
      if (Exit.isSuccess(after)) row.update(after.value)
      this.changed.openUnsafe()
      return Result.succeed({ from, size: to as number })
    })
  }
}

const closed = "The pool has closed."

const refuse = (status: Refusal["status"], error: string) => Result.fail<Refusal>({ status, error })

const keep = <A>(values: Array<A>, value: A, length: number): void => {
  values.push(value)
  if (values.length > length) values.shift()
}
