/**
 * One budget of slots for many processes, and durable jobs that run on it.
 *
 * @since 0.1.0
 */
export { budgetOf, type ClusterBudget } from "./ClusterBudget.ts"
export { ClusterFailure } from "./ClusterFailure.ts"
export {
  ClusterGreenPool,
  type ClusterGreenPoolOptions,
  type ClusterPool,
  type ClusterUnboundedOptions,
  type CoordinatorOptions,
  type LeaseOptions
} from "./ClusterGreenPool.ts"
export { ClusterJob, type ClusterJobOptions, type ClusterMapOptions } from "./ClusterJob.ts"
export { ClusterStats, MemberStats } from "./ClusterStats.ts"
