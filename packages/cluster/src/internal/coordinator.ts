/**
 * The coordinator of a budget: it hears what members say, and tells them what they have.
 *
 * It is an entity, so there is one in the cluster; the runner that owns the shard of the budget's name runs it. All that
 * is decided is decided by `Budget`, in one synchronous step for each message or time. Around that: channels to the
 * members, the store, and a timer.
 */
import { Clock, Effect, Latch, type Layer, Queue, type Scope, Semaphore, Stream } from "effect"
import { Entity, type Sharding } from "effect/cluster"
import type { KeyValueStore } from "effect/persistence"
import { ClusterStats, MemberStats } from "../ClusterStats.ts"
import { Budget } from "./budget.ts"
import { BudgetEntity, type Word } from "./protocol.ts"
import type { Report, Session } from "./session.ts"
import { Term } from "./term.ts"
import { toMillis } from "./time.ts"

/** Milliseconds for which a question to all members waits for answers. */
const Patience = 1000

/** Milliseconds between tries to write. */
const RetryAfter = 1000

export interface CoordinatorSettings {
  readonly lease: number
  readonly reclaimAfter: number
}

/** Where the orders of a session go: the newest replaces what has not been sent yet. */
type Channel = Queue.Queue<Word>

/** Something that waits until the budget is in a certain state. */
interface Waiter {
  readonly isOver: () => boolean
  readonly resume: () => void
}

class Coordinator {
  private readonly name: string
  private readonly runner: string
  private readonly term: Term
  private readonly settings: CoordinatorSettings
  private readonly clock: Clock.Clock
  private readonly budget: Budget
  private readonly channels = new Map<string, Channel>()
  private readonly waiters = new Set<Waiter>()
  private readonly oneByOne = Semaphore.makeUnsafe(1).withPermits(1)
  private readonly shouldWrite = Latch.makeUnsafe()
  private readonly shouldLook = Latch.makeUnsafe()
  /** Until when the timer sleeps. */
  private sleepsUntil = Infinity

  constructor(name: string, runner: string, term: Term, settings: CoordinatorSettings, clock: Clock.Clock) {
    this.name = name
    this.runner = runner
    this.term = term
    this.settings = settings
    this.clock = clock
    // A member of the term before may have been answered shortly before this one began.
    const lease = Math.max(settings.lease, term.inheritedLease) + term.patience
    this.budget = new Budget(settings, term.inherited, this.now + lease)
  }

  /** Writes and looks at the time, for as long as the entity lives. */
  readonly live: Effect.Effect<void, never, Scope.Scope> = Effect.suspend(() =>
    Effect.andThen(Effect.forkScoped(this.writing), Effect.forkScoped(this.timing))
  )

  open(id: string, size: number): Stream.Stream<Word> {
    const connect = Effect.map(Queue.sliding<Word>(1), (channel) => {
      this.step((now) => {
        if (this.budget.connect(id, size, now) !== undefined) this.channels.set(id, channel)
      })
      Queue.offerUnsafe(channel, this.word(id))
      return channel
    })
    const disconnect = (channel: Channel) =>
      Effect.sync(() => {
        // It may have a newer one.
        if (this.channels.get(id) !== channel) return
        this.channels.delete(id)
        this.step((now) => this.budget.disconnect(id, now))
      })
    return Stream.unwrap(Effect.map(Effect.acquireRelease(connect, disconnect), Stream.fromQueue))
  }

  report(id: string, term: string, report: Report): Effect.Effect<Word> {
    return Effect.suspend(() => {
      if (term === this.term.id) this.step((now) => this.budget.report(id, report, now), id)
      return this.answer(id)
    })
  }

  /** Ends a session. Returns when that is written: the next coordinator would hold back what the session had. */
  leave(id: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.step((now) => this.budget.leave(id, now))
      return Effect.ignore(this.persist())
    })
  }

  /** Gives the session a lease that nobody uses: one that is free, else one that others have and don't need. */
  ask(id: string): Effect.Effect<Word> {
    return Effect.gen({ self: this }, function*() {
      if ((yield* this.grant(id)) === "unused") {
        yield* this.recalled(this.heardAll)
        yield* this.grant(id)
      }
      return yield* this.answer(id)
    })
  }

  /** Resizes when the size is written. Waits until the session has heard of it, after a shrink until all have. */
  resize(id: string, size: number): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      yield* Effect.orDie(this.persist(size))
      const hasHeard = size < (this.budget.size ?? 0) ? this.heardAll : this.heardBy(id)
      this.step(() => this.budget.resize(size))
      yield* this.until(hasHeard)
    })
  }

  /** Waits for a moment in which no session has a lease or wants one, after each has answered. */
  readonly waitall: Effect.Effect<void> = Effect.suspend(() => {
    const hasHeard = this.heardAll
    return this.recalled(() =>
      hasHeard() && this.budget.every(({ leased, wanted, running }) => leased === 0 && wanted === 0 && running === 0)
    )
  })

  readonly stats: Effect.Effect<ClusterStats> = Effect.suspend(() => {
    const hasHeard = this.heardAll
    this.step(() => this.budget.askAll())
    return Effect.timeoutOption(this.until(hasHeard), Patience)
  }).pipe(Effect.map(() => {
    const sessions = [...this.budget.sessions.values()]
    const members = sessions.map(({ bound, id, isHeard, leased, running, waiting }) =>
      new MemberStats({ session: id, leased: isHeard ? leased : bound, running, waiting })
    )
    const sum = (of: (member: MemberStats) => number) => members.reduce((total, member) => total + of(member), 0)
    return new ClusterStats({
      name: this.name,
      runner: this.runner,
      term: this.term.id,
      size: this.budget.size ?? 0,
      leased: sum(({ leased }) => leased),
      running: sum(({ running }) => running),
      waiting: sum(({ waiting }) => waiting),
      members
    })
  }))

  /** A condition: each session of now, and of later, has carried out an order from after now. */
  private get heardAll(): () => boolean {
    const numbers = new Map([...this.budget.sessions.values()].map(({ id, order }) => [id, order?.number]))
    return () => this.budget.every(({ heard, id }) => heard > (numbers.get(id) ?? 0))
  }

  /** A condition: the session, if it is there, has carried out an order from after now. */
  private heardBy(id: string): () => boolean {
    const number = this.budget.sessions.get(id)?.order?.number ?? 0
    return () => (this.budget.sessions.get(id)?.heard ?? Infinity) > number
  }

  /** Has sessions give back what they don't use, and answer, until the condition holds. */
  private recalled(isOver: () => boolean): Effect.Effect<void> {
    return Effect.acquireUseRelease(
      Effect.sync(() =>
        this.step(() => {
          this.budget.recalls++
          this.budget.askAll()
        })
      ),
      () => this.until(isOver),
      () => Effect.sync(() => this.step(() => this.budget.recalls--))
    )
  }

  /** Grants the session a lease if that is possible without a recall. */
  private grant(id: string): Effect.Effect<"granted" | "unused" | "none"> {
    return Effect.suspend(() => {
      const result = this.step(() => this.budget.grantIfFree(id), id)
      if (result !== "unwritten") return Effect.succeed(result)
      return Effect.flatMap(this.until(() => this.budget.hasRoom(id)), () => this.grant(id))
    })
  }

  /** What is told to the session, once it is sure that this is still the coordinator: it extends leases. */
  private answer(id: string): Effect.Effect<Word> {
    return Effect.map(this.term.confirm, () => this.word(id))
  }

  private word(id: string): Word {
    const session = this.budget.sessions.get(id)
    return {
      term: this.term.id,
      termNumber: this.term.number,
      lease: this.settings.lease,
      status: session === undefined ? "gone" : session.reported > 0 ? "known" : "claim",
      connected: this.channels.has(id),
      ...(this.budget.size === undefined ? undefined : { size: this.budget.size }),
      ...(session?.order === undefined ? undefined : { order: session.order })
    }
  }

  /** Changes the budget, and tells all but the session that gets an answer what follows from that. */
  private step<A>(change: (now: number) => A, answered?: string): A {
    const { now } = this
    this.budget.tick(now)
    const result = change(now)
    for (const session of this.budget.settle(now)) if (session.id !== answered) this.tell(session)
    if (this.budget.mustWrite) this.shouldWrite.openUnsafe()
    for (const waiter of this.waiters) if (waiter.isOver()) waiter.resume()
    if (this.budget.next < this.sleepsUntil) this.shouldLook.openUnsafe()
    return result
  }

  private tell(session: Session): void {
    const channel = this.channels.get(session.id)
    if (channel !== undefined) Queue.offerUnsafe(channel, this.word(session.id))
  }

  /** Waits until the budget is in a state. */
  private until(isOver: () => boolean): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (isOver()) return resume(Effect.void)
      const waiter: Waiter = {
        isOver,
        resume: () => {
          this.waiters.delete(waiter)
          resume(Effect.void)
        }
      }
      this.waiters.add(waiter)
      return Effect.sync(() => this.waiters.delete(waiter))
    })
  }

  private persist(size?: number): Effect.Effect<void, KeyValueStore.KeyValueStoreError> {
    return this.oneByOne(Effect.suspend(() => {
      const written = this.budget.write(size)
      return Effect.map(this.term.write(written), () => this.step(() => this.budget.wrote(written)))
    }))
  }

  private readonly writing: Effect.Effect<never> = Effect.forever(Effect.suspend(() =>
    this.shouldWrite.await.pipe(
      Effect.andThen(Effect.suspend(() => {
        this.shouldWrite.closeUnsafe()
        return this.persist()
      })),
      Effect.catch((error) =>
        Effect.logWarning("The leases of a budget could not be written: nothing more is granted until they are", error)
          .pipe(
            Effect.annotateLogs("pool", this.name),
            Effect.andThen(Effect.sleep(RetryAfter)),
            // What is waited for is to be found out anew.
            Effect.andThen(Effect.sync(() => this.step(() => {}))),
            Effect.andThen(this.shouldWrite.open)
          )
      )
    )
  ))

  private readonly timing: Effect.Effect<never> = Effect.forever(Effect.suspend(() => {
    this.step(() => {})
    const { next } = this.budget
    this.sleepsUntil = next
    this.shouldLook.closeUnsafe()
    return Effect.raceFirst(Effect.sleep(Math.ceil(next - this.now)), this.shouldLook.await)
  }))

  /** Milliseconds of monotonic time. */
  private get now(): number {
    return toMillis(this.clock.monotonicTimeNanosUnsafe())
  }
}

/** The coordinators of all budgets whose shards this runner owns. */
export const layer = (
  settings: CoordinatorSettings
): Layer.Layer<never, never, Sharding.Sharding | KeyValueStore.KeyValueStore> =>
  BudgetEntity.toLayer(
    Effect.gen(function*() {
      const { entityId } = yield* Entity.CurrentAddress
      const { host, port } = yield* Entity.CurrentRunnerAddress
      const term = yield* Effect.orDie(Term.begin(entityId, settings.lease))
      const coordinator = new Coordinator(entityId, `${host}:${port}`, term, settings, yield* Clock.Clock)
      yield* coordinator.live
      return BudgetEntity.of({
        Open: ({ payload: { session, size } }) => coordinator.open(session, size),
        Report: ({ payload: { session, term, ...report } }) => coordinator.report(session, term, report),
        Leave: ({ payload: { session } }) => coordinator.leave(session),
        Ask: ({ payload: { session } }) => coordinator.ask(session),
        Resize: ({ payload: { session, size } }) => coordinator.resize(session, size),
        WaitAll: () => coordinator.waitall,
        Stats: () => coordinator.stats
      })
    }),
    // Channels and calls that wait are many at a time, and a defect of one call is no reason to lose all channels.
    { concurrency: "unbounded", mailboxCapacity: "unbounded", disableFatalDefects: true }
  )
