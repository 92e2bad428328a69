/**
 * The lanes of a job: the entity whose instances run its bodies, and which instance a key belongs to.
 */
import { Schema } from "effect"
import { ClusterSchema, Entity } from "effect/cluster"
import { Rpc } from "effect/rpc"

// With other lanes, the stored results of all keys would be found no more.
const lanes = 64

/**
 * The lane of a key. A hash of its own (FNV-1a), since the one of a library may change with its version.
 */
export const laneOf = (key: string): string => {
  let hash = 0x811c9dc5
  for (let index = 0; index < key.length; index++) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193)
  }
  return String((hash >>> 0) % lanes)
}

/** The instance that answers whether there are runners. It runs no bodies, so its mailbox is never full of them. */
export const gate = "gate"

/** A schema that needs no services. */
export type AnyCodec = Schema.Top & { readonly DecodingServices: never; readonly EncodingServices: never }

/** The entity of a job. The types of what it carries are known to `ClusterJob` only. */
export type JobEntity = ReturnType<typeof makeEntity>

/**
 * Makes the entity of a job. What its `run` answers is a `Result`, so that an error of the job is never taken for one of
 * the cluster, which are the only ones in the error channel.
 */
export const makeEntity = (
  name: string,
  schemas: { readonly payload: AnyCodec; readonly success: AnyCodec; readonly error: AnyCodec }
) => {
  const { error, payload, success } = schemas as Record<keyof typeof schemas, Schema.Codec<unknown>>
  return Entity.make(`greenpool/job/${name}`, [
    Rpc.make("run", {
      payload: { key: Schema.String, payload },
      // Of the messages with one key, the first is kept, and its reply is that of all.
      primaryKey: ({ key }) => key,
      success: Schema.Result(success, error)
    })
      .annotate(ClusterSchema.Persisted, true)
      // An interrupted caller would otherwise store an interruption as the result of the key, for ever.
      .annotate(ClusterSchema.Uninterruptible, "client")
      // A lane that moves would otherwise wait for its bodies, and its shard with it: 15 s. They start again elsewhere.
      .annotate(ClusterSchema.InterruptOnTermination, true),
    Rpc.make("ready")
  ])
}
