/**
 * What members and the coordinator of a budget tell each other.
 *
 * A budget is an entity of the cluster; its name is the id. All of these calls may be repeated: when a runner goes,
 * `Sharding` calls the next one with the same payload, so a payload holds no state, except for reports, which are
 * numbered, absolute, and belong to a term. Fields that come later are optional keys, and unknown fields are ignored, so
 * that processes of two versions understand each other.
 */
import { Context, Schema } from "effect"
import { ClusterSchema, Entity } from "effect/cluster"
import { Rpc } from "effect/rpc"
import { ClusterStats } from "../ClusterStats.ts"

const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

const Order = Schema.Struct({
  number: Count,
  granted: Count,
  keep: Schema.optionalKey(Count),
  size: Count,
  answer: Count
})

/** What the coordinator tells a session: over its channel, and as the answer to a report. */
export const Word = Schema.Struct({
  /** The term of the coordinator: a name, and a number that grows. */
  term: Schema.String,
  termNumber: Count,
  /** Milliseconds for which a lease lasts from the sending of a report on. */
  lease: Schema.Finite,
  /**
   * `"known"`: the session is known in this term. `"claim"`: it is to report what it has, by a count of its own for this
   * term. `"gone"`: its leases have ended.
   */
  status: Schema.Literals(["known", "claim", "gone"]),
  /** Whether it has a channel. */
  connected: Schema.Boolean,
  /** The size of the budget, once it is known. */
  size: Schema.optionalKey(Count),
  /** The last order to the session. */
  order: Schema.optionalKey(Order)
})

export type Word = typeof Word.Type

/** The version of the protocol that this code speaks. */
export const Version = 1

/** Opens a channel, over which a session hears its orders. It lasts as long as both ends do. */
const Open = Rpc.make("Open", {
  payload: { session: Schema.String, version: Schema.Int, size: Count },
  success: Word,
  stream: true
})

/** Says what a session has, uses and wants. An answer extends its leases. */
const Report = Rpc.make("Report", {
  payload: {
    session: Schema.String,
    term: Schema.String,
    number: Count,
    claim: Count,
    returned: Count,
    wanted: Count,
    running: Count,
    waiting: Count,
    heard: Count
  },
  success: Word
})

/** Says that a session has ended, and everything it had is free. */
const Leave = Rpc.make("Leave", { payload: { session: Schema.String } })

/** Asks for a lease that nobody uses. */
const Ask = Rpc.make("Ask", { payload: { session: Schema.String }, success: Word })

/** Changes the size. Returns when the session has heard of it, after a shrink when all have. */
const Resize = Rpc.make("Resize", { payload: { session: Schema.String, size: Count } })

/** Returns when no session has had a lease or wanted one, at one moment since the call. */
const WaitAll = Rpc.make("WaitAll")

const Stats = Rpc.make("Stats", { success: ClusterStats })

/**
 * The entity. A shard that moves interrupts its calls: a channel never ends by itself, and would hold up the move until
 * `entityTerminationTimeout`.
 */
export const BudgetEntity = Entity.make("@greenpool/cluster/Budget", [Open, Report, Leave, Ask, Resize, WaitAll, Stats])
  .annotateRpcs(ClusterSchema.InterruptOnTermination, true)
  .annotateMerge(Context.make(ClusterSchema.ClientTracingEnabled, false))
