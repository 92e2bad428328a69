/**
 * The processes of a cluster on Node: its runners, its clients, and SQLite.
 *
 * @since 0.1.0
 */
export { timings } from "./timings.ts"
