/**
 * Pools of slots and piles of jobs for Effect.
 *
 * @since 0.1.0
 */
export { type AdaptiveOptions, AdaptiveStats, type Verdict, verdictOf } from "./AdaptiveSize.ts"
export { type CallRejection, type JobOptions, type KeyOptions, PoolFull } from "./Admission.ts"
export { GreenPile } from "./GreenPile.ts"
export { GreenPool, GreenPoolLive, type ServiceClass } from "./GreenPool.ts"
export { GreenPoolOptions, type PoolRejection, type UnboundedOptions } from "./GreenPoolOptions.ts"
export { KeyStats } from "./KeyStats.ts"
export type { MapOptions } from "./MapOptions.ts"
export { InvalidPoolSize, PoolSize } from "./PoolSize.ts"
export { PoolStats } from "./PoolStats.ts"
export type { Slot } from "./Slot.ts"
export { type Items, type Source, SourceError } from "./Source.ts"
export type { Verbs } from "./Verbs.ts"
