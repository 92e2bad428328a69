/**
 * Pools of other processes, read from their dashboards.
 *
 * @since 0.1.0
 */
import { AdaptiveStats, InvalidPoolSize, type KeyStats, type PoolStats } from "@greenpool/core"
import {
  Deferred,
  Effect,
  Exit,
  Formatter,
  Option,
  type Redacted,
  Result,
  Schedule,
  Schema,
  type Scope,
  Stream
} from "effect"
import { HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"
import { Link, type Linked } from "./internal/link.ts"
import { messageOf } from "./internal/message.ts"
import { statsOf } from "./internal/stats.ts"
import * as Wire from "./internal/wire.ts"
import type { Shown } from "./Shown.ts"

/**
 * Says that a command to the dashboard of another process was not carried out, or that it isn't known whether it was.
 *
 * @category errors
 * @since 0.1.0
 */
export class RemoteFailed extends Schema.TaggedError<RemoteFailed>()("RemoteFailed", {
  /** Which dashboard it was. */
  url: Schema.String,
  /** Why, in the words of that process where it answered. */
  reason: Schema.String
}) {
  /** Names the dashboard and the reason. */
  override get message(): string {
    return `${this.url}: ${this.reason}`
  }
}

/**
 * Which pool of another process is shown, and how.
 *
 * @category options
 * @since 0.1.0
 */
export interface RemoteOptions {
  /** The pool's name on the page of the other process. */
  readonly pool: string
  /** Its name here. Default: the same. */
  readonly name?: string
  /** The password that the other dashboard asks for: with that for steering, the pool can be steered from here. */
  readonly password?: Redacted.Redacted
}

/** Without a frame, or an answer, for so long, the connection is lost. */
const silence = "5 seconds"

/** How long after a failure it is tried again. */
const retry = Schedule.spaced("3 seconds")

const Pools = Schema.Array(Schema.Struct({
  id: Schema.Finite,
  name: Schema.String,
  ended: Schema.optionalKey(Schema.String),
  steer: Schema.optionalKey(Schema.Literal(true))
}))

const Hello = Schema.Struct({ process: Schema.String, access: Schema.Literals(["view", "steer"]) })

const Key = Schema.Tuple([Schema.NullOr(Schema.String), Schema.Finite, Schema.Finite, Schema.Finite])

const Frame = Schema.Struct({
  sample: Schema.optionalKey(Schema.Finite),
  list: Schema.Finite,
  pools: Schema.optionalKey(Pools),
  figures: Schema.Array(Schema.Array(Schema.Finite)),
  keys: Schema.optionalKey(Schema.Record(Schema.String, Schema.Struct({ busiest: Schema.Array(Key) }))),
  // Absent in the feeds of earlier versions, and perhaps richer in later ones: what isn't understood isn't shown.
  adaptive: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown))
})

const decodeEvent = Schema.decodeEffect(Schema.fromJsonString(Schema.Union([Hello, Frame])))

const decodeHistory = Schema.decodeUnknownEffect(Schema.Struct({ list: Schema.Finite, pools: Pools }))

const decodeAdaptive = Schema.decodeUnknownOption(AdaptiveStats)

const decodeRefused = Schema.decodeUnknownEffect(Schema.Struct({ error: Schema.String }))

/** Where the quantiles begin among the figures of a sample. */
const firstTime = Wire.fields.indexOf("wait50")

/** What is known of the pool. */
class Remote implements Linked {
  readonly name: string
  readonly pool: string
  private readonly send: (size: number) => Effect.Effect<void, InvalidPoolSize | RemoteFailed>
  private entry: typeof Pools.Type[number] | undefined = undefined
  private list = -1
  private access: "view" | "steer" = "view"
  private present: PoolStats
  private quantiles: Wire.Figures | undefined = undefined
  private keysInUse: ReadonlyArray<KeyStats> = []
  private adaptive: AdaptiveStats | undefined = undefined
  private problem: string | undefined = "There is no answer yet."
  private changed = Deferred.makeUnsafe<void>()

  constructor(
    { name, pool }: RemoteOptions,
    send: (size: number) => Effect.Effect<void, InvalidPoolSize | RemoteFailed>
  ) {
    this.name = name ?? pool
    this.pool = pool
    this.send = send
    this.present = statsOf(this.name, [])
  }

  get [Link](): Linked[typeof Link] {
    const { entry } = this
    const problem = this.problem ??
      (entry === undefined ? `There is no pool named ${JSON.stringify(this.pool)}.` : entry.ended)
    return { problem, times: this.quantiles }
  }

  get resize(): Remote["send"] | undefined {
    return this.access === "steer" && this.entry?.steer === true ? this.send : undefined
  }

  readonly stats = Effect.sync(() => this.present)

  readonly keys = Effect.sync(() => this.keysInUse)

  readonly changes: Stream.Stream<PoolStats> = Stream.unfold(
    Effect.void,
    (isDue) => Effect.map(isDue, () => [this.present, Deferred.await(this.changed)] as const)
  )

  /** The list of pools is asked for next. */
  onHello({ access }: typeof Hello.Type): void {
    this.access = access
  }

  /** Takes the list of pools in, which an answer or a frame has. */
  onList(list: number, pools: typeof Pools.Type): void {
    this.list = list
    this.entry = pools.find(({ name }) => name === this.pool)
    this.problem = undefined
    this.tell()
  }

  /** Whether the frame is about pools that aren't known. */
  isBehind({ list, pools }: typeof Frame.Type): boolean {
    return list > this.list && pools === undefined
  }

  onFrame({ adaptive, figures, keys, list, pools, sample }: typeof Frame.Type): void {
    if (pools !== undefined && list > this.list) this.onList(list, pools)
    const { entry } = this
    const row = entry && figures.find(([id]) => id === entry.id)
    if (entry === undefined || row === undefined) return
    // Only samples have these: between them, those of the last sample stay.
    if (sample !== undefined) {
      this.adaptive = Option.getOrUndefined(decodeAdaptive(adaptive?.[entry.id]))
      const quantiles = row.slice(firstTime + 1)
      this.quantiles = quantiles.length === 0 ? undefined : quantiles
      this.keysInUse = keys?.[entry.id]?.busiest.map(([key, weight, running, waiting]) => ({
        ...key !== null && { key },
        weight,
        running,
        waiting
      })) ?? []
    }
    this.present = statsOf(this.name, row.slice(1), this.adaptive)
    this.tell()
  }

  onLost(problem: string): void {
    this.problem = problem
    this.tell()
  }

  private tell(): void {
    const { changed } = this
    this.changed = Deferred.makeUnsafe()
    Deferred.doneUnsafe(changed, Exit.void)
  }
}

/** @internal */
export const remote = (
  url: string,
  options: RemoteOptions
): Effect.Effect<Shown<RemoteFailed>, never, HttpClient.HttpClient | Scope.Scope> =>
  Effect.gen(function*() {
    const client = yield* HttpClient.HttpClient
    const { password } = options
    const ask = (request: HttpClientRequest.HttpClientRequest) =>
      client.execute(password === undefined ? request : HttpClientRequest.basicAuth(request, "greenpool", password))

    const fail = (reason: string) => new RemoteFailed({ url, reason })

    const silent = fail("There is no answer any more.")

    /** The answer to a request, or why there is none. */
    const get = (part: string): Effect.Effect<HttpClientResponse.HttpClientResponse, RemoteFailed> =>
      ask(HttpClientRequest.get(`${url}?${part}`)).pipe(
        Effect.catchCause((cause) => fail(messageOf(cause))),
        Effect.flatMap((response) =>
          response.status === 200 ? Effect.succeed(response) : fail(`The answer has status ${response.status}.`)
        )
      )

    const resize = Effect.fnUntraced(function*(size: number) {
      const body: Wire.Command = { pool: options.pool, command: "resize", size }
      const { json, status } = yield* ask(HttpClientRequest.bodyJsonUnsafe(HttpClientRequest.post(url), body)).pipe(
        Effect.catchCause((cause) => fail(messageOf(cause)))
      )
      if (status === 200) return
      if (status === 422) return yield* new InvalidPoolSize({ value: Formatter.format(size) })
      const refused = yield* Effect.result(Effect.flatMap(json, (body) => decodeRefused(body)))
      return yield* fail(Result.isSuccess(refused) ? refused.success.error : `The answer has status ${status}.`)
    }, Effect.timeoutOrElse({ duration: silence, orElse: () => silent }))

    const state = new Remote(options, resize)

    const list = Effect.flatMap(get("history"), (response) => response.json).pipe(
      Effect.timeoutOrElse({ duration: silence, orElse: () => silent }),
      Effect.flatMap((body) => decodeHistory(body)),
      Effect.map(({ list, pools }) => state.onList(list, pools))
    )

    const feed = Stream.unwrap(Effect.map(get("feed"), (response) => response.stream)).pipe(
      Stream.timeoutOrElse({ duration: silence, orElse: () => Stream.fail(silent) }),
      Stream.decodeText,
      Stream.splitLines,
      Stream.filter((line) => line.startsWith("data: ")),
      Stream.runForEach((line) =>
        Effect.flatMap(decodeEvent(line.slice("data: ".length)), (event) => {
          if ("process" in event) {
            state.onHello(event)
            return list
          }
          return Effect.andThen(
            state.isBehind(event) ? list : Effect.void,
            Effect.sync(() => state.onFrame(event))
          )
        })
      )
    )

    // A stream that ends is opened again: it does so every 10 minutes.
    const reading = Effect.exit(feed).pipe(
      Effect.map((exit) => {
        if (Exit.isFailure(exit)) state.onLost(`No figures come from ${url}: ${messageOf(exit.cause)}`)
      }),
      Effect.repeat(retry)
    )
    yield* Effect.forkScoped(reading)
    return state as Shown<RemoteFailed>
  })
