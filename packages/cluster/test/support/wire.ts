/**
 * A wire between members and a coordinator that a test can cut, and a coordinator that it can replace.
 *
 * The coordinator is the real one, over the real store. What stands between is what `Sharding` does: calls go to the
 * coordinator of the moment, wait where there is none, and are repeated with the same payload when it goes.
 */
import { it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Latch, Layer, Queue, Scope, Stream } from "effect"
import { Entity, Sharding, ShardingConfig } from "effect/cluster"
import { KeyValueStore } from "effect/persistence"
import {
  ClusterGreenPool,
  type ClusterGreenPoolOptions,
  type ClusterPool,
  type CoordinatorOptions
} from "../../src/index.ts"
import { BudgetEntity, type Word } from "../../src/internal/protocol.ts"
import { type Body, settle } from "./cluster.ts"

type Client = ReturnType<Effect.Success<typeof BudgetEntity.client>>

type Payload<Call extends keyof Client> = Parameters<Client[Call]>[0]

interface Coordinator {
  readonly client: Client
  readonly scope: Scope.Closeable
  readonly gone: Deferred.Deferred<void>
}

/** The wire of one member. */
const makeWire = (current: Effect.Effect<Coordinator>) => {
  const open = Latch.makeUnsafe(true)
  const pumps = new Set<Fiber.Fiber<unknown, unknown>>()
  const queues = new Set<Queue.Queue<Word>>()
  const sent: Array<Payload<"Report">> = []
  let pinned: Coordinator | undefined = undefined
  let isOver = false

  const coordinator = Effect.suspend(() => pinned === undefined ? current : Effect.succeed(pinned))

  const through = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.andThen(open.await, Effect.tap(effect, () => open.await))

  /** A call, as `Sharding` makes it. */
  const call = (make: (client: Client) => Effect.Effect<unknown, unknown>): Effect.Effect<unknown, unknown> => {
    const attempt: Effect.Effect<unknown, unknown> = Effect.flatMap(coordinator, ({ client, gone }) =>
      Effect.raceFirst(
        Effect.map(make(client), (value) => ({ value })),
        Effect.as(Deferred.await(gone), undefined)
      ).pipe(Effect.flatMap((done) => done === undefined ? attempt : Effect.succeed(done.value))))
    return through(attempt)
  }

  const passOn = (name: "Ask" | "Resize" | "WaitAll" | "Stats") => (payload: never) =>
    call((client) => client[name](payload))

  const calls: Record<keyof Client, unknown> = {
    Open: (payload: Payload<"Open">) =>
      Stream.unwrap(Effect.gen(function*() {
        const queue = yield* Queue.unbounded<Word>()
        queues.add(queue)
        const pump = Effect.flatMap(through(coordinator), ({ client, gone }) =>
          Effect.raceFirst(
            Stream.runForEach(client.Open(payload), (word) => through(Queue.offer(queue, word))),
            Deferred.await(gone)
          ))
        const fiber = yield* Effect.forkDetach(Effect.forever(Effect.andThen(Effect.exit(pump), Effect.sleep(50))))
        pumps.add(fiber)
        const stop = Effect.suspend(() => pumps.delete(fiber) ? Fiber.interrupt(fiber) : Effect.void)
        return Stream.ensuring(Stream.fromQueue(queue), stop)
      })),
    Report: (payload: Payload<"Report">) =>
      Effect.suspend(() => {
        sent.push(payload)
        return call((client) => client.Report(payload))
      }),
    // When the test is over, nobody waits for the coordinator to hear of that.
    Leave: (payload: Payload<"Leave">) => isOver ? Effect.void : call((client) => client.Leave(payload)),
    Ask: passOn("Ask"),
    Resize: passOn("Resize"),
    WaitAll: passOn("WaitAll"),
    Stats: passOn("Stats")
  }

  return {
    client: calls as Client,
    /** The payloads of all reports. */
    sent,
    /** Nothing gets through any more, in neither direction; nobody notices. */
    cut: () => open.closeUnsafe(),
    /** What was held up gets through, late. */
    mend: () => open.openUnsafe(),
    /** Leads to this coordinator, whoever the current one is. */
    pin: ({ client, scope }: Coordinator) => pinned = { client, scope, gone: Deferred.makeUnsafe() },
    /** The coordinator's side of the channel closes, and the member doesn't notice. */
    resetThere: Effect.suspend(() => Fiber.interruptAll([...pumps])),
    /** The member's side of the channel closes. The coordinator notices when the effect that this returns is run. */
    resetHere: Effect.suspend(() => {
      const before = [...pumps]
      pumps.clear()
      return Effect.as(Effect.forEach([...queues], Queue.shutdown, { discard: true }), Fiber.interruptAll(before))
    }),
    end: () => isOver = true
  }
}

/** What becomes of the coordinator of a cluster. */
const makeCluster = (memory: KeyValueStore.KeyValueStore, coordinatorOptions?: CoordinatorOptions) => {
  /** What comes before each write. */
  const disk: { access: Effect.Effect<void, KeyValueStore.KeyValueStoreError> } = { access: Effect.void }
  const set: typeof memory.set = (key, value) =>
    Effect.andThen(Effect.suspend(() => disk.access), memory.set(key, value))
  const store = { ...memory, set }
  let coordinator: Coordinator | undefined = undefined
  const exists = Latch.makeUnsafe(false)
  const current = Effect.andThen(exists.await, Effect.sync(() => coordinator!))

  /** A coordinator takes over. The one before it goes on without being called, unless it has been stopped. */
  const start = Effect.fnUntraced(function*(options = coordinatorOptions) {
    const scope = yield* Scope.fork(yield* Effect.scope)
    const layer = ClusterGreenPool.layerCoordinator(options).pipe(
      Layer.provide(Layer.succeed(KeyValueStore.KeyValueStore)(store))
    )
    const clientOf = yield* Entity.makeTestClient(BudgetEntity, layer).pipe(
      Effect.provide(ShardingConfig.layer()),
      Scope.provide(scope)
    ) as unknown as Effect.Effect<(id: string) => Effect.Effect<Client>>
    const before = coordinator
    coordinator = { client: yield* clientOf("test"), scope, gone: yield* Deferred.make<void>() }
    exists.openUnsafe()
    if (before !== undefined) yield* Deferred.succeed(before.gone, undefined)
  })

  /** The coordinator dies. Calls wait for the next one. */
  const stop = Effect.suspend(() => {
    exists.closeUnsafe()
    return Effect.andThen(Deferred.succeed(coordinator!.gone, undefined), Scope.close(coordinator!.scope, Exit.void))
  })

  /** A member with a wire of its own. */
  const member = Effect.fnUntraced(function*(options?: Partial<ClusterGreenPoolOptions>) {
    const wire = makeWire(current)
    const sharding = { makeClient: () => Effect.succeed(() => wire.client) }
    const pool = yield* Effect.orDie(ClusterGreenPool.make({ name: "test", ...options })).pipe(
      Effect.provideService(Sharding.Sharding, sharding as never)
    )
    yield* Effect.addFinalizer(() => Effect.sync(wire.end))
    yield* settle
    return { pool: pool as ClusterPool, wire }
  })
  return { current, disk, start, stop, member }
}

export type Cluster = ReturnType<typeof makeCluster>

/** A test with a cluster that has a coordinator. */
export const wired = (title: string, body: (cluster: Cluster) => Body, options?: CoordinatorOptions) =>
  it.effect(title, () =>
    Effect.gen(function*() {
      const cluster = makeCluster(yield* KeyValueStore.KeyValueStore, options)
      yield* cluster.start()
      yield* body(cluster)
    }).pipe(Effect.provide(KeyValueStore.layerMemory)))
