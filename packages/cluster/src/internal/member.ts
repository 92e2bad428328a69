/**
 * A member of a budget: one pool of this process, whose allowance is the leases that it has.
 *
 * Four fibers keep it going. One holds the channel over which orders come. One sends reports, as soon as there is news
 * that others have to know. One has a report sent once a heartbeat, which is what renews the leases. One watches the time,
 * and gives up all leases before they end if nobody has answered.
 *
 * The pool's own steps do no more than compare a few numbers: what happens on a lease that the member has is no news.
 */
import type { GreenPool, InvalidPoolSize } from "@greenpool/core"
import { type Allowance, allowanceOf } from "@greenpool/core/allowance"
import { Clock, Context, Effect, Exit, Latch, Option, Scope, Stream } from "effect"
import type { Sharding } from "effect/cluster"
import type { ClusterStats } from "../ClusterStats.ts"
import { BudgetEntity, Version, type Word } from "./protocol.ts"
import { toMillis } from "./time.ts"

/** Milliseconds before a call or a channel that has failed is tried again. */
const RetryAfter = 50

/** Milliseconds that the close of a pool waits for a coordinator to hear of it. */
const LeaveWithin = 1000

export interface MemberSettings {
  readonly name: string
  /** Milliseconds between two reports, at most. */
  readonly heartbeat: number
  /** Milliseconds before the end of the leases at which jobs are interrupted. */
  readonly grace: number
  readonly onLeaseLost: "interrupt" | "finish"
}

type Client = Effect.Success<typeof BudgetEntity.client>

export class Member {
  private readonly settings: MemberSettings
  private readonly client: ReturnType<Client>
  private readonly clock: Clock.Clock
  /** The context in which the pool is made: what is logged goes there. */
  private readonly context: Context.Context<never>
  /** What keeps the member going, until the pool has closed. */
  private readonly fibers = Scope.makeUnsafe()
  private pool!: GreenPool<unknown>
  private allowance!: Allowance
  private session: string = crypto.randomUUID()
  /** The term of the coordinator, once it is known. */
  private term: string | undefined = undefined
  private termNumber = 0
  /** The counts of this term: the leases that it began with, those granted including them, those given back. */
  private claim = 0
  private granted = 0
  private returned = 0
  /** How many leases may be kept when the jobs on them have ended. */
  private keep = Infinity
  private size = 0
  /** The size with which the pool was made, and whether that was asked for. */
  private ownSize = 0
  private isSizeGiven = false
  /** Milliseconds for which a lease lasts, once that is known. */
  private lease = Infinity
  /** When the leases end: milliseconds of monotonic time; undefined while there is no answered report. */
  private until: number | undefined = undefined
  private reports = 0
  /** What it wanted by its last report. */
  private said = 0
  /** The number of the last order that was carried out, and of the last one that wanted an answer. */
  private heard = 0
  private answered = 0
  /** The next report is sent whether it has news or not. */
  private mustReport = false
  /** The most slots in use since the last heartbeat. */
  private peak = 0
  private isSizeKnown = false
  isClosed = false
  private readonly hasNews = Latch.makeUnsafe()
  private readonly mustReopen = Latch.makeUnsafe()
  private readonly isWelcome = Latch.makeUnsafe()
  private readonly hasLease = Latch.makeUnsafe()
  private readonly hasClosed = Latch.makeUnsafe()

  private constructor(settings: MemberSettings, client: ReturnType<Client>, context: Context.Context<never>) {
    this.settings = settings
    this.client = client
    this.context = context
    this.clock = Context.get(context, Clock.Clock)
  }

  /**
   * Makes the member, whose leases are given back when the scope closes. Made before the pool, it ends after it: leases
   * are renewed while the pool drains.
   */
  static readonly make = Effect.fnUntraced(function*(
    settings: MemberSettings
  ): Effect.fn.Return<Member, never, Sharding.Sharding | Scope.Scope> {
    const client = (yield* BudgetEntity.client)(settings.name)
    const context = yield* Effect.context<never>()
    return yield* Effect.acquireRelease(
      Effect.sync(() => new Member(settings, client, context)),
      (member) => member.leave
    )
  })

  /** From here on the pool has the slots that are leased, and no others. */
  join(pool: GreenPool<unknown>, size: number, isSizeGiven: boolean): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.pool = pool
      this.size = this.ownSize = size
      this.isSizeGiven = isSizeGiven
      this.allowance = allowanceOf(pool)
      this.allowance.allow(0)
      this.allowance.onDemand(() => this.onDemand())
      return Effect.forEach(
        [this.listening, this.reporting, this.beating, this.watching],
        (fiber) => Effect.forkIn(fiber, this.fibers),
        { discard: true }
      )
    })
  }

  /** How many leases there are. */
  get leased(): number {
    return this.granted - this.returned
  }

  /** Asks for a lease that nobody uses. */
  readonly ask: Effect.Effect<unknown> = Effect.suspend(() => {
    if (this.allowance.waiting() > 0) return Effect.void
    return Effect.andThen(
      this.isWelcome.await,
      Effect.suspend(() => {
        const { session } = this
        return Effect.map(this.client.Ask({ session }), (word) => this.hear(session, word))
      })
    ).pipe(Effect.timeoutOption(this.heartbeat), Effect.exit)
  })

  resize(size: number): Effect.Effect<void, InvalidPoolSize> {
    return this.call(() => this.client.Resize({ session: this.session, size }))
  }

  readonly waitall: Effect.Effect<void> = Effect.suspend(() => this.call(() => this.client.WaitAll()))

  readonly stats: Effect.Effect<ClusterStats> = Effect.suspend(() => this.call(() => this.client.Stats()))

  /** A call that is repeated when its coordinator goes, and that ends with interruption when the pool has closed. */
  private call<A, E>(make: () => Effect.Effect<A, E>): Effect.Effect<A> {
    const attempt: Effect.Effect<A> = Effect.flatMap(
      Effect.exit(Effect.suspend(make)),
      (exit) => Exit.hasInterrupts(exit) ? Effect.delay(attempt, RetryAfter) : Effect.orDie(exit)
    )
    return Effect.raceFirst(attempt, Effect.andThen(this.hasClosed.await, Effect.interrupt))
  }

  private get heartbeat(): number {
    return Math.min(this.settings.heartbeat, (this.lease - this.grace) / 3)
  }

  private get grace(): number {
    return Math.min(this.settings.grace, this.lease / 4)
  }

  /** How many slots could be used. More than the size is no news to anybody. */
  private get wanted(): number {
    return Math.min(this.allowance.running() + this.allowance.waiting(), Math.max(1, this.size))
  }

  /** Whether others have to know what has changed since the last report. */
  private get isNews(): boolean {
    const { leased, said, wanted } = this
    if (wanted > said && wanted > leased) return true
    // While callers wait, all that may be kept is in use.
    return this.keep !== Infinity && (wanted < said || leased > this.allowance.running())
  }

  /** Called in each step of the pool in which what it needs may have changed. */
  private onDemand(): void {
    // The job that may have ended counts.
    this.peak = Math.max(this.peak, this.allowance.running() + 1)
    if (this.isNews) this.hasNews.openUnsafe()
  }

  /** The coordinator has said something to the session; `sent` is when the report was sent that this answers. */
  private hear(session: string, word: Word, sent?: number): void {
    if (session !== this.session || this.isClosed) return
    if (word.term !== this.term) {
      // A coordinator that has been replaced may still talk.
      if (this.term !== undefined && word.termNumber < this.termNumber) return
      this.begin(word)
    }
    if (word.status === "gone") return this.lose()
    this.lease = word.lease
    if (sent !== undefined && word.status === "known") {
      // Never sooner than was said before.
      this.until = Math.max(this.until ?? -Infinity, sent + word.lease)
      this.hasLease.openUnsafe()
    }
    if (!word.connected) this.mustReopen.openUnsafe()
    // Later on, orders tell it: their numbers say which word is the newest.
    if (word.size !== undefined && this.heard === 0) this.setSize(word.size)
    if (word.order !== undefined && word.order.number > this.heard) this.obey(word.order)
  }

  /** There is another coordinator. What is there stays; it is counted anew. */
  private begin({ term, termNumber }: Word): void {
    this.term = term
    this.termNumber = termNumber
    this.isWelcome.openUnsafe()
    this.claim = this.granted = this.leased
    this.returned = 0
    this.heard = 0
    this.answered = 0
    this.report()
  }

  private obey(order: NonNullable<Word["order"]>): void {
    this.heard = order.number
    this.keep = order.keep ?? Infinity
    const isMore = order.granted > this.granted
    this.granted = Math.max(this.granted, order.granted)
    this.setSize(order.size)
    // A lease beyond what may be kept is for one job: the next one doesn't get it.
    if (isMore) this.allowance.allow(this.leased)
    this.allow()
    if (order.answer > this.answered) {
      this.answered = order.answer
      this.report()
    } else if (this.isNews) {
      this.hasNews.openUnsafe()
    }
  }

  private allow(): void {
    this.allowance.allow(Math.min(this.leased, this.keep))
  }

  private setSize(size: number): void {
    if (!this.isSizeKnown) {
      this.isSizeKnown = true
      if (this.isSizeGiven && size !== this.ownSize) {
        this.log(
          `Pool "${this.settings.name}" was opened with size ${this.ownSize}, but the budget of that name has ` +
            `size ${size}, which holds. Change it with resize`
        )
      }
    }
    if (size === this.size) return
    this.size = size
    Effect.runSyncExit(this.pool.resize(size))
  }

  /** Has a report sent, with or without news. */
  private report(): void {
    this.mustReport = true
    this.hasNews.openUnsafe()
  }

  /** The leases have ended, or are about to. The member goes on as a new session without any. */
  private lose(): void {
    const { leased } = this
    const running = this.allowance.running()
    this.session = crypto.randomUUID()
    this.term = this.until = undefined
    this.claim = this.granted = this.returned = 0
    this.isWelcome.closeUnsafe()
    this.hasLease.closeUnsafe()
    this.allowance.allow(0)
    this.mustReopen.openUnsafe()
    if (leased === 0) return
    const isInterrupted = this.settings.onLeaseLost === "interrupt"
    this.log(
      `Pool "${this.settings.name}" has lost its ${leased} leases: the coordinator was not heard in time. ` +
        `${running} jobs ${isInterrupted ? "are interrupted" : "go on beyond the limit"}; callers in the queue wait`
    )
    if (isInterrupted) Effect.runFork(this.allowance.evict)
  }

  private log(message: string): void {
    Effect.runForkWith(this.context)(Effect.annotateLogs(Effect.logWarning(message), "pool", this.settings.name))
  }

  /** Holds the channel, over which orders come. */
  private readonly listening: Effect.Effect<never> = Effect.forever(Effect.suspend(() => {
    const { session } = this
    this.mustReopen.closeUnsafe()
    const channel = this.client.Open({ session, version: Version, size: this.ownSize })
    return Effect.raceFirst(
      Effect.exit(Stream.runForEach(channel, (word) => Effect.sync(() => this.hear(session, word)))),
      this.mustReopen.await
    ).pipe(Effect.andThen(Effect.sleep(RetryAfter)))
  }))

  /** Sends a report whenever there is news. */
  private readonly reporting: Effect.Effect<never> = Effect.forever(Effect.suspend(() =>
    Effect.andThen(
      this.hasNews.await,
      // Whatever else happens in this turn goes into the same report.
      Effect.andThen(Effect.yieldNow, Effect.suspend(() => this.send()))
    )
  ))

  private send(): Effect.Effect<void> {
    this.hasNews.closeUnsafe()
    const { session, term } = this
    // The channel says which term it is.
    if (term === undefined || !(this.mustReport || this.isNews)) return Effect.void
    this.mustReport = false
    this.giveBack(this.keep === Infinity ? Infinity : this.allowance.running())
    this.said = this.wanted
    const sent = this.now
    const report = {
      session,
      term,
      number: ++this.reports,
      claim: this.claim,
      returned: this.returned,
      wanted: this.said,
      running: this.allowance.running(),
      waiting: this.allowance.waiting(),
      heard: this.heard
    }
    return this.client.Report(report).pipe(
      Effect.timeoutOption(this.heartbeat),
      Effect.exit,
      Effect.flatMap((exit) => {
        const word = Exit.isSuccess(exit) ? Option.getOrUndefined(exit.value) : undefined
        if (word !== undefined) return Effect.sync(() => this.hear(session, word, sent))
        this.report()
        return Effect.sleep(RetryAfter)
      })
    )
  }

  /** Gives back what is beyond `needed`: in the own allowance first, then it is told. */
  private giveBack(needed: number): void {
    this.returned += Math.max(0, this.leased - needed)
    this.allow()
  }

  /** Reports once a heartbeat, whatever else is reported, and gives back what was not used since. */
  private readonly beating: Effect.Effect<never> = Effect.forever(Effect.suspend(() =>
    this.hasLease.await.pipe(
      // How often depends on the lease, which the first answer tells.
      Effect.andThen(Effect.suspend(() => Effect.sleep(this.heartbeat))),
      Effect.andThen(Effect.sync(() => {
        this.giveBack(Math.max(this.peak, this.allowance.running()))
        this.peak = this.allowance.running()
        this.report()
      }))
    )
  ))

  /** Gives up the leases before they end. */
  private readonly watching: Effect.Effect<never> = Effect.forever(Effect.suspend(() => {
    if (this.until === undefined) return this.hasLease.await
    const left = this.until - this.grace - this.now
    if (left > 0) return Effect.sleep(Math.ceil(left))
    return Effect.sync(() => this.lose())
  }))

  /** The pool has closed: its leases are free at once. */
  private readonly leave: Effect.Effect<unknown> = Effect.suspend(() => {
    this.isClosed = true
    this.hasClosed.openUnsafe()
    return Effect.andThen(
      Scope.close(this.fibers, Exit.void),
      this.term === undefined
        ? Effect.void
        : this.client.Leave({ session: this.session }).pipe(Effect.timeoutOption(LeaveWithin), Effect.exit)
    )
  })

  /** Milliseconds of monotonic time. */
  private get now(): number {
    return toMillis(this.clock.monotonicTimeNanosUnsafe())
  }
}
