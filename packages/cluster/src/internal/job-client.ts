/**
 * The calls of a job, from any process of the cluster.
 */
import { Effect, Fiber } from "effect"
import { Sharding } from "effect/cluster"
import { gate, type JobEntity, laneOf } from "./job-lanes.ts"

// Where there is no runner, a message is only written down, and waits for one.
const patience = 1000

/**
 * Makes the function from a key to the client of its lane.
 *
 * The first call of a process asks whether there are runners, by a message that is not written down. That waits until
 * the process knows them. A message that is written down before is not announced to its runner, which finds it at its
 * next look into the storage, up to a second later.
 */
export const makeLanes = (entity: JobEntity) => {
  type Client = Effect.Success<typeof entity.client>
  const connections = new WeakMap<Sharding.Sharding["Service"], Effect.Effect<Client>>()

  const connect = (sharding: Sharding.Sharding["Service"]): Effect.Effect<Client> =>
    Effect.gen(function*() {
      const client = yield* sharding.makeClient(entity)
      const asking = yield* client(gate).ready().pipe(
        Effect.timeoutOption(patience),
        Effect.ignoreCause,
        // It goes on for other callers when its first is interrupted.
        Effect.forkDetach
      )
      const connection = Effect.as(Fiber.await(asking), client)
      connections.set(sharding, connection)
      return yield* connection
    })

  return (key: string) =>
    Effect.flatMap(
      Sharding.Sharding,
      (sharding) => Effect.map(connections.get(sharding) ?? connect(sharding), (client) => client(laneOf(key)))
    )
}
