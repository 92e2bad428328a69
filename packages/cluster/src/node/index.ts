/**
 * The processes of a cluster on Node: its runners, its clients, and SQLite.
 *
 * @since 0.1.0
 */
export {
  type ClientOptions,
  type EmbeddedOptions,
  layerClient,
  layerEmbedded,
  layerRunner,
  type RunnerOptions
} from "./processes.ts"
export { layerSqlite, type SqliteOptions } from "./sqlite.ts"
export { timings } from "./timings.ts"
