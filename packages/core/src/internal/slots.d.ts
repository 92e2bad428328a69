/**
 * Slots and lending: who holds a slot of the pool, who has borrowed one, and who waits for which.
 *
 * A slot is a permit of the semaphore. A job that finds none free borrows the slot of the job around it,
 * if that is not lent already; else it waits in the pool's line and, at the same time, among the seekers of
 * the job around it, and takes whichever comes first. Everything here is synchronous and O(1).
 */
import { type Exit } from "effect";
import { Line, Place } from "./line.ts";
import { Semaphore, Waiter } from "./semaphore.ts";
/** A place among those who wait for one job's slot. */
declare class Seeker extends Place {
    readonly job: Job;
    constructor(job: Job);
}
/**
 * One job of a pool, from the moment it asks for a slot until its fiber has ended.
 *
 * While it waits it is a place in the pool's line; while it holds a slot, its own or a borrowed one, it is a
 * place in its group.
 */
export declare abstract class Job extends Waiter {
    readonly slots: Slots;
    /** Those who end together: the pool's own jobs, those of one map, those of one pile. */
    readonly group: Line<Job>;
    /** The job around this one; after that has ended, look at it through `running`. */
    enclosing: Job | undefined;
    /** How many running jobs are around this one. */
    readonly depth: number;
    state: "new" | "waiting" | "holding" | "ended";
    /** Whose slot this job has borrowed. */
    lender: Job | undefined;
    /** Who has borrowed the slot of this job: one at a time. */
    borrower: Job | undefined;
    /** Who waits for the slot of this job. */
    seekers: Line<Seeker> | undefined;
    /** The place of this job among the seekers of the job around it. */
    seeker: Seeker | undefined;
    watchers: Array<() => void> | undefined;
    constructor(slots: Slots, group: Line<Job>, enclosing: Job | undefined);
    /** A slot has come to a job that waited. Called in the step that gives it. */
    abstract onGrant(): void;
    /** The pool has closed while the job waited. It is out of the line. */
    abstract onRefuse(): void;
    /** Interrupts the job, which holds a slot. */
    abstract interrupt(fiberId: number): void;
    onPermit(): void;
}
/** The innermost job, from `job` outwards, that has not ended. */
export declare const running: (job: Job | undefined) => Job | undefined;
export declare class Slots {
    readonly semaphore: Semaphore;
    borrowed: number;
    started: number;
    succeeded: number;
    failed: number;
    interrupted: number;
    /** Called whenever a job has ended or left the line. */
    readonly onLeave: () => void;
    constructor(size: number, onLeave: () => void);
    /** Gives the job a free slot of the pool, if there is one. */
    takeIfAvailable(job: Job): boolean;
    /** The job holds a slot or has borrowed one afterwards, or it waits. */
    enter(job: Job): void;
    /** Takes a waiting job out of the line. */
    cancel(job: Job): void;
    /** Takes everybody out of the line, from its head. */
    refuseAll(): void;
    /** A job that held a slot is over: the slot goes where it is needed next. */
    end(job: Job, exit: Exit.Exit<unknown, unknown>): void;
    granted(job: Job): void;
    private dismissed;
    private lend;
    private lendOn;
}
export {};
