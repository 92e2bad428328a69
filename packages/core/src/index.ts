/**
 * Pools of slots and piles of jobs for Effect.
 *
 * @since 0.1.0
 */
export { GreenPile } from "./GreenPile.ts"
export {
  GreenPool,
  GreenPoolLive,
  GreenPoolOptions,
  type Items,
  type MapExitVerb,
  type MapVerb,
  type ServiceClass,
  type StarmapVerb,
  type Verbs
} from "./GreenPool.ts"
export { InvalidPoolSize, PoolSize } from "./PoolSize.ts"
export { PoolStats } from "./PoolStats.ts"
export { type Source, SourceError } from "./Source.ts"
