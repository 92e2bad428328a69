// A program of a user, in strict TypeScript. Each annotation says what the library's types must give.
import {
  GreenPile,
  GreenPool,
  GreenPoolLive,
  type GreenPoolOptions,
  type InvalidPoolSize,
  type PoolFull,
  type PoolStats,
  type Source,
  type SourceError
} from "@greenpool/core"
import { type Allowance, allowanceOf } from "@greenpool/core/allowance"
import { Effect, type Exit, type Fiber, Layer, type Option, Schema, type Scope, Stream } from "effect"

class NotFound extends Schema.TaggedError<NotFound>()("NotFound", { id: Schema.Finite }) {}

class ApiPool extends GreenPool.Service<ApiPool>()("app/ApiPool", { size: 3, maxWaiting: 10 }) {}

const find = (id: number): Effect.Effect<string, NotFound> =>
  id > 0 ? Effect.succeed(`user ${id}`) : Effect.fail(new NotFound({ id }))

const ids: Source<number> = [1, 2, 3]
const layer: Layer.Layer<ApiPool, InvalidPoolSize> = ApiPool.layer
const live: Layer.Layer<GreenPool> = GreenPoolLive

const here: Effect.Effect<string, NotFound | PoolFull, ApiPool> = ApiPool.run(find(1))
const fiber: Effect.Effect<Fiber.Fiber<string, NotFound>, never, GreenPool> = find(1).pipe(GreenPool.spawn)
const atOnce: Effect.Effect<Option.Option<string>, NotFound, GreenPool> = GreenPool.runIfAvailable(find(1))
const inTime: Effect.Effect<string, NotFound | PoolFull, GreenPool> = GreenPool.run(find(1), { maxWait: 50 })
const users: Stream.Stream<string, NotFound, ApiPool> = ApiPool.imap(find, [1, 2, 3])
const exits: Stream.Stream<Exit.Exit<string, NotFound>, never, GreenPool> = GreenPool.imapExit(find, [1, 0])
const read: Stream.Stream<number, SourceError, GreenPool> = GreenPool.imap(
  (n: number) => Effect.succeed(n),
  (async function*() {
    yield 1
  })()
)

const allowance: Effect.Effect<Allowance, never, GreenPool> = GreenPool.useSync(allowanceOf)

const options: GreenPoolOptions = { size: 2, name: "typed", onClose: "drain" }
const pool: Effect.Effect<GreenPool, InvalidPoolSize, Scope.Scope> = GreenPool.make({ size: 2 })
const pile: Effect.Effect<GreenPile<string, NotFound>, InvalidPoolSize, Scope.Scope> = GreenPile.make<string, NotFound>(
  2
)

// @ts-expect-error a pool of this key turns nobody away
const _bounded = GreenPool.layer({ maxWaiting: 1 })
// @ts-expect-error a size is a number
const _wrong = GreenPool.make({ size: "2" })

const program = Effect.gen(function*() {
  const titles: ReadonlyArray<string> = yield* Stream.runCollect(users)
  const stats: PoolStats = yield* ApiPool.stats
  const results = yield* pile
  yield* results.spawn(find(7))
  const next: Option.Option<string> = yield* results.next
  const sizes = [yield* (yield* GreenPool.make(options)).size, yield* (yield* pool).size]
  yield* Effect.all([here, fiber, atOnce, inTime, allowance, Stream.runDrain(exits), Stream.runDrain(read)])
  const error: NotFound | PoolFull = yield* Effect.flip(ApiPool.run(find(0)))
  return { titles, next, sizes, name: stats.name, error: error._tag, ids: [...ids as Iterable<number>] }
})

const result = await Effect.runPromise(
  Effect.scoped(program).pipe(Effect.provide(Layer.merge(layer, live)))
)

const expected = {
  titles: ["user 1", "user 2", "user 3"],
  next: { _id: "Option", _tag: "Some", value: "user 7" },
  sizes: [2, 2],
  name: "app/ApiPool",
  error: "NotFound",
  ids: [1, 2, 3]
}

if (JSON.stringify(result) !== JSON.stringify(expected)) throw new Error(`The program gave ${JSON.stringify(result)}`)
