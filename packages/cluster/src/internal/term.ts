/**
 * Terms: the time for which one coordinator hands out the leases of a budget, and what it writes for the next one.
 *
 * A store has no compare-and-set. So there is a pointer to the current term, and a key for the state of each term. A new
 * coordinator sets the pointer first and reads the states of all others then; a coordinator that has written its state
 * grants what that allows only after it has read the pointer again, and found itself. Either the state was written before
 * it was read, or the pointer was set before it was read again.
 */
import { Clock, Effect, Schedule, Schema } from "effect"
import { KeyValueStore } from "effect/persistence"
import type { Written } from "./budget.ts"
import { toMillis } from "./time.ts"

const State = Schema.fromJsonString(Schema.Struct({
  size: Schema.optionalKey(Schema.Int),
  isOver: Schema.optionalKey(Schema.Boolean),
  /** Milliseconds for which leases of this term last. */
  lease: Schema.Finite,
  bounds: Schema.Record(Schema.String, Schema.Int)
}))

const encode = Schema.encodeSync(State)
const decode = Schema.decodeUnknownSync(State)

export class Term {
  readonly id: string
  readonly number: number
  /** What was written in the terms before. */
  readonly inherited: Written
  /** The longest lease of the terms before, in milliseconds; 0 if there was none. */
  readonly inheritedLease: number
  private readonly store: KeyValueStore.KeyValueStore
  private readonly clock: Clock.Clock
  private readonly lease: number
  /** A time at which the store said that this is the current term: the last, but for looks that overlap. */
  private checked = -Infinity

  private constructor(
    store: KeyValueStore.KeyValueStore,
    clock: Clock.Clock,
    id: string,
    number: number,
    inherited: Written,
    inheritedLease: number,
    lease: number
  ) {
    this.store = store
    this.clock = clock
    this.id = id
    this.number = number
    this.inherited = inherited
    this.inheritedLease = inheritedLease
    this.lease = lease
  }

  /** Begins a term of the budget of that name. */
  static readonly begin = Effect.fnUntraced(function*(name: string, lease: number) {
    const store = KeyValueStore.prefix(
      yield* KeyValueStore.KeyValueStore,
      `greenpool/${encodeURIComponent(name)}/`
    )
    const clock = yield* Clock.Clock
    const before = yield* store.get(Pointer)
    const number = 1 + (before === undefined ? 0 : numberOf(before))
    const id = `${number}-${crypto.randomUUID()}`
    // Its state isn't there before: a term that begins at the same time would take it for an earlier one, and remove it.
    yield* store.set(Pointer, id)
    const others = (yield* store.keys).filter((key) => key.startsWith(keyOf("")))
    const states: Array<{ readonly number: number; readonly state: typeof State.Type }> = []
    for (const key of others) {
      const text = yield* store.get(key)
      if (text !== undefined) states.push({ number: numberOf(key.slice(keyOf("").length)), state: decode(text) })
    }
    states.sort((one, other) => one.number - other.number)
    let inherited: Written = { size: undefined, isOver: false, bounds: {} }
    let inheritedLease = 0
    for (const { state } of states) {
      const bounds: Record<string, number> = { ...inherited.bounds }
      for (const [session, bound] of Object.entries(state.bounds)) {
        bounds[session] = Math.max(bound, bounds[session] ?? 0)
      }
      inherited = { size: state.size ?? inherited.size, isOver: inherited.isOver || state.isOver === true, bounds }
      inheritedLease = Math.max(inheritedLease, state.lease)
    }
    const term = new Term(store, clock, id, number, inherited, inheritedLease, lease)
    yield* term.write(inherited)
    for (const key of others) yield* store.remove(key)
    return term
  })

  /** How long a look into the store holds, in milliseconds: leases of a term that is over end that much later. */
  get patience(): number {
    return Math.max(this.lease, this.inheritedLease) / 30
  }

  /** Writes what the sessions of this term may have, then makes sure that the term isn't over. */
  write({ bounds, isOver, size }: Written): Effect.Effect<void, KeyValueStore.KeyValueStoreError> {
    const lease = Math.max(this.lease, this.inheritedLease)
    const state = encode({ ...(size === undefined ? undefined : { size }), isOver, lease, bounds })
    return Effect.andThen(this.store.set(keyOf(this.id), state), this.check)
  }

  /**
   * Waits until the store has said that the term isn't over, not long ago. For a term that is over it never returns: a
   * coordinator that was frozen while another one took over answers nobody.
   */
  readonly confirm: Effect.Effect<void> = Effect.suspend(() =>
    this.now - this.checked <= this.patience
      ? Effect.void
      : Effect.retry(this.check, Schedule.spaced(200)).pipe(Effect.orDie)
  )

  private readonly check: Effect.Effect<void, KeyValueStore.KeyValueStoreError> = Effect.suspend(() => {
    const { now } = this
    return Effect.flatMap(this.store.get(Pointer), (id) => {
      if (id !== this.id) return Effect.never
      this.checked = now
      return Effect.void
    })
  })

  /** Milliseconds of monotonic time. */
  private get now(): number {
    return toMillis(this.clock.monotonicTimeNanosUnsafe())
  }
}

const Pointer = "term"

const keyOf = (id: string): string => `term/${id}`

const numberOf = (id: string): number => Number.parseInt(id, 10)
