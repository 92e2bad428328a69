/**
 * A doubly linked line whose links live in its members: joining and leaving are O(1) at any position,
 * and a line of any length costs nothing beside its members.
 */
/** A member of a `Line`. One that is in no line points at itself, so that leaving twice does no harm. */
export declare class Place {
    prev: Place;
    next: Place;
    leave(): void;
}
/** First in, first out. A place is in at most one line at a time. */
export declare class Line<T extends Place> {
    #private;
    get isEmpty(): boolean;
    get first(): T | undefined;
    push(place: T): void;
    /** Puts `place` before the first one that `isAfter` holds for. */
    pushBefore(place: T, isAfter: (other: T) => boolean): void;
    shift(): T | undefined;
    /** Moves everyone in `other` to the end of this line, in order. */
    append(other: Line<T>): void;
    toArray(): Array<T>;
    private insert;
}
