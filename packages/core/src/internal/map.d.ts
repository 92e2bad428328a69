/**
 * The maps: items of a source through jobs of the pool, within a window.
 *
 * The window is what bounds a map: at most `max(1, size)` items are in hand, from being taken out of the source
 * until their results are emitted. A map takes an item, gets a slot for it, and goes on until the window is
 * full, the source has none at the moment, or an item has to wait for its slot: so it has one place in the line
 * and never a slot without an item.
 */
import { Effect, Stream } from "effect";
import type { Source } from "../Source.ts";
import type { Pool } from "./pool.ts";
/** How a map emits: in the order of the items or as they finish, values up to the first failure or all exits. */
export interface Mode {
    readonly ordered: boolean;
    readonly exits: boolean;
}
type Call = (item: unknown) => Effect.Effect<unknown, unknown, unknown>;
export declare const map: (pool: Pool, call: Call, sources: ReadonlyArray<Source.Any>, mode: Mode) => Stream.Stream<unknown, unknown, unknown>;
export {};
