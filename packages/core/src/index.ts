/**
 * Pools of slots and piles of jobs for Effect.
 *
 * @since 0.1.0
 */
export { type AdaptiveOptions, AdaptiveStats, type Verdict, verdictOf } from "./AdaptiveSize.ts"
export { type JobOptions, PoolFull, type Rejection } from "./Admission.ts"
export { GreenPile } from "./GreenPile.ts"
export { GreenPool, GreenPoolLive, type Items, type ServiceClass } from "./GreenPool.ts"
export { GreenPoolOptions, type RejectedBy, type UnboundedOptions } from "./GreenPoolOptions.ts"
export { InvalidPoolSize, PoolSize } from "./PoolSize.ts"
export { PoolStats } from "./PoolStats.ts"
export { type Source, SourceError } from "./Source.ts"
export { type MapExitVerb, type MapVerb, type StarmapVerb, type Verbs } from "./Verbs.ts"
