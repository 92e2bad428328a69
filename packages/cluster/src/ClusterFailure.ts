/**
 * The failure of a durable job that the cluster could not accept or answer.
 *
 * @since 0.1.0
 */
import { Schema } from "effect"

/**
 * Fails a call of a durable job that the cluster could not write down, or whose result it could not read: the storage
 * is gone or the job's lane has too many messages in flight. The job may have been written down all the same; the same
 * call again joins it.
 *
 * @category errors
 * @since 0.1.0
 */
export class ClusterFailure extends Schema.TaggedError<ClusterFailure>()("ClusterFailure", {
  /** The name of the job. */
  job: Schema.String,
  /** What went wrong: one of the errors of `effect/cluster`. */
  cause: Schema.Defect()
}) {
  /** Names the job, and what went wrong. */
  override get message(): string {
    return `The cluster failed a call of the job "${this.job}": ${String(this.cause)}`
  }
}
