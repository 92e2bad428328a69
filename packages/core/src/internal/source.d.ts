/**
 * Sources as cursors: one item at a time, at once where the source can.
 */
import { Effect, Scope } from "effect";
import { type Source } from "../Source.ts";
/** What `take` gives when the next item has to be fetched first. */
export declare const Empty: unique symbol;
/** What `take` gives after the last item. */
export declare const End: unique symbol;
/** Reads a source. It is closed with the scope that it was opened in. */
export interface Cursor {
    /** The next item, or `Empty`, or `End` for good. Throws if the source does. */
    take(): unknown;
    /** Makes `take` give something else than `Empty`. It fails as the source does. */
    readonly fetch: Effect.Effect<void, unknown>;
}
/** Opens sources as one: the items of a single one, tuples of several, up to the end of the shortest. */
export declare const open: (sources: ReadonlyArray<Source.Any>, scope: Scope.Scope) => Effect.Effect<Cursor, never, unknown>;
