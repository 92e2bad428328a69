/**
 * The processes of a cluster: one that is alone, runners that serve others, and clients that only call.
 *
 * @since 0.1.0
 */
import * as NodeCrypto from "@effect/platform-node/NodeCrypto"
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import { Effect, Layer, Option } from "effect"
import {
  type MessageStorage,
  RunnerAddress,
  RunnerHealth,
  Runners,
  RunnerStorage,
  Sharding,
  ShardingConfig,
  SocketRunner,
  SqlMessageStorage,
  SqlRunnerStorage
} from "effect/cluster"
import { KeyValueStore } from "effect/persistence"
import { RpcClient, RpcSerialization } from "effect/rpc"
import { Socket, type SocketServer } from "effect/socket"
import type { SqlClient } from "effect/sql"
import { ClusterGreenPool, type CoordinatorOptions } from "../ClusterGreenPool.ts"
import { layerSqlite } from "./sqlite.ts"
import { timings } from "./timings.ts"

/**
 * The options of a process that is a cluster of its own.
 *
 * @category options
 * @since 0.1.0
 */
export interface EmbeddedOptions extends CoordinatorOptions {
  /** The path of the SQLite database, which is created if it is missing. Default: a database in memory. */
  readonly filename?: string | undefined
  /** Options of Effect's sharding, in place of those of `timings`. */
  readonly sharding?: Partial<ShardingConfig.ShardingConfig["Service"]> | undefined
}

/**
 * The options of a process that only calls.
 *
 * @category options
 * @since 0.1.0
 */
export interface ClientOptions {
  /** Options of Effect's sharding, in place of those of `timings`. They must be those of the runners. */
  readonly sharding?: Partial<ShardingConfig.ShardingConfig["Service"]> | undefined
}

/**
 * The options of a process that serves others.
 *
 * @category options
 * @since 0.1.0
 */
export interface RunnerOptions extends ClientOptions, CoordinatorOptions {
  /** The host by which other processes reach this one. Default: `"localhost"`. */
  readonly host?: string | undefined
  /** The port by which other processes reach this one. With the host it is the name of this runner. */
  readonly port: number
  /** The host to listen on, where it is another one than `host`. Default: `host`. */
  readonly listenHost?: string | undefined
  /** The port to listen on, where it is another one than `port`: behind a proxy. Default: `port`. */
  readonly listenPort?: number | undefined
}

// Of two small messages in a row, the second would otherwise wait up to 40 ms for the acknowledgement of the first.
// Effect's own layers of cluster sockets leave that on.
const noDelay = true

// A runner that does not answer is no connection. The times are Effect's own.
const clientProtocol = Layer.effect(Runners.RpcClientProtocol)(
  Effect.map(RpcSerialization.RpcSerialization, (serialization) => ({
    codecFor: serialization.codecFor,
    make: ({ host, port }: RunnerAddress.RunnerAddress) =>
      NodeSocket.makeNet({ host, port, noDelay, openTimeout: 1000, timeout: 5500 }).pipe(
        Effect.flatMap((socket) =>
          RpcClient.makeProtocolSocket().pipe(
            Effect.provideService(Socket.Socket, socket),
            Effect.provideService(RpcSerialization.RpcSerialization, serialization)
          )
        ),
        Effect.orDie
      )
  }))
)

const messages = SqlMessageStorage.layer.pipe(Layer.provide(NodeCrypto.layerDigest))

const storage: Layer.Layer<
  MessageStorage.MessageStorage | RunnerStorage.RunnerStorage,
  never,
  SqlClient.SqlClient | ShardingConfig.ShardingConfig
> = Layer.merge(messages, Layer.orDie(SqlRunnerStorage.layer))

const health = RunnerHealth.layerPing.pipe(Layer.provide(Runners.layerRpc), Layer.provide(clientProtocol))

/**
 * Provides a cluster that is this process alone, with a coordinator: pools and durable jobs of a cluster for an
 * application that has one process, and for tests. Jobs are kept in a SQLite file, so that they survive the process; the
 * size of a pool that was resized is not. Two processes must not use the same file at a time.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerEmbedded = (
  options?: EmbeddedOptions
): Layer.Layer<
  Sharding.Sharding | Runners.Runners | MessageStorage.MessageStorage | SqlClient.SqlClient
> =>
  ClusterGreenPool.layerCoordinator(options).pipe(
    // What it would find in a file after a crash are leases of this very process.
    Layer.provide(KeyValueStore.layerMemory),
    // As Effect's `SingleRunner`, which would read the environment, and die of a `PORT` that is no number.
    Layer.provideMerge(Sharding.layer),
    Layer.provideMerge(Runners.layerNoop),
    Layer.provideMerge(messages),
    Layer.provide([RunnerStorage.layerMemory, RunnerHealth.layerNoop]),
    Layer.provide(ShardingConfig.layer({ ...timings, ...options?.sharding })),
    Layer.provideMerge(layerSqlite({ filename: options?.filename ?? ":memory:" }))
  )

/**
 * Provides a process of a cluster that serves others: it runs durable jobs, and hands out the slots of the budgets whose
 * shards it has. Processes find each other through the database, and talk through sockets. Fails if it cannot listen.
 *
 * A runner that ends in an orderly way (its scope closes) hands over what it serves at once; one that dies is missed
 * after a few seconds, see `timings`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerRunner = (
  options: RunnerOptions
): Layer.Layer<
  Sharding.Sharding | Runners.Runners | MessageStorage.MessageStorage,
  SocketServer.SocketServerError,
  SqlClient.SqlClient
> => {
  const address = RunnerAddress.make(options.host ?? "localhost", options.port)
  const listen = { host: options.listenHost ?? address.host, port: options.listenPort ?? address.port }
  return ClusterGreenPool.layerCoordinator(options).pipe(
    Layer.provide(KeyValueStore.layerSql()),
    Layer.provideMerge(SocketRunner.layer),
    Layer.provide([NodeSocketServer.layer({ ...listen, noDelay }), clientProtocol, health]),
    Layer.provideMerge(storage),
    Layer.provide(RpcSerialization.layerSchemaBinary()),
    Layer.provide(ShardingConfig.layer({ ...timings, ...options.sharding, runnerAddress: Option.some(address) }))
  )
}

/**
 * Provides a process of a cluster that serves nobody: it takes slots and calls durable jobs, and listens nowhere. It
 * finds the runners through the database.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerClient = (
  options?: ClientOptions
): Layer.Layer<
  Sharding.Sharding | Runners.Runners | MessageStorage.MessageStorage,
  never,
  SqlClient.SqlClient
> =>
  SocketRunner.layerClientOnly.pipe(
    Layer.provide(clientProtocol),
    Layer.provideMerge(storage),
    Layer.provide(RpcSerialization.layerSchemaBinary()),
    Layer.provide(ShardingConfig.layer({ ...timings, ...options?.sharding, runnerAddress: Option.none() }))
  )
