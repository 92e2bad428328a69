/**
 * The pool behind `GreenPool`: jobs in fibers on slots, waiting, closing.
 *
 * Slots are counted in `slots.ts`. Here jobs meet fibers: a job is entered into the slots in the very step in
 * which its release is already installed, so that an interruption finds either nothing to give back or
 * somebody who gives it back. Nobody is resumed inside another fiber's step: every wake-up goes through the
 * pool's one dispatcher, in order, so that no chain of jobs can grow the native stack.
 */
import { Context, Effect, Exit, type Fiber, type Scheduler } from "effect";
import { type InvalidPoolSize } from "../PoolSize.ts";
import { PoolStats } from "../PoolStats.ts";
import { Line } from "./line.ts";
import { Job, Slots } from "./slots.ts";
/** A part of a pool with jobs of its own: a map or a pile. */
export interface Party {
    readonly jobs: Line<Job>;
    onResize(): void;
    onClose(): void;
}
export declare class Pool {
    #private;
    readonly name: string;
    /** The key under which a fiber's context holds the innermost job of this pool that the fiber belongs to. */
    readonly key: string;
    readonly slots: Slots;
    /** The jobs of `run`, `spawn` and `spawnN`. */
    readonly jobs: Line<Job>;
    readonly parties: Set<Party>;
    closed: boolean;
    constructor(name: string, size: number, scheduler: Scheduler.Scheduler);
    /** The innermost job of this pool around the fiber that has not ended. */
    jobAround(fiber: Fiber.Fiber<unknown, unknown>): Job | undefined;
    contextOf(job: Job, context: Context.Context<never>): Context.Context<never>;
    /** Runs `task` in a turn of its own, after all that was scheduled before. */
    schedule(task: () => void): void;
    readonly waitall: Effect.Effect<void>;
    resize(size: number): Effect.Effect<void, InvalidPoolSize>;
    readonly stats: Effect.Effect<PoolStats>;
    /** Refuses everybody from here on, interrupts all that waits and runs, and waits for what ran. */
    readonly close: Effect.Effect<void>;
    /** Interrupts these jobs and waits until they have ended, except for those around the caller itself. */
    interruptAll(jobs: ReadonlyArray<Job>): Effect.Effect<void>;
    run<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R>;
    /**
     * Starts a job in a fiber of its own as soon as it has a slot, and gives the fiber. On a borrowed slot it waits
     * for the end of the fiber as well.
     */
    start<A, E>(job: SpawnJob<A, E>): Effect.Effect<Fiber.Fiber<A, E>>;
}
/** A job in the fiber of its caller. */
export declare class RunJob<A, E, R> extends Job {
    #private;
    constructor(pool: Pool, fiber: Fiber.Fiber<unknown, unknown>, effect: Effect.Effect<A, E, R>);
    /** Enters the line and then runs the effect. To be run inside `exit`, which gives back whatever this has taken. */
    readonly enter: () => Effect.Effect<A, E, R>;
    readonly exit: (exit: Exit.Exit<A, E>) => Effect.Effect<void>;
    onGrant(): void;
    onRefuse(): void;
    interrupt(fiberId: number): void;
}
/** A job in a fiber of its own. */
export declare class SpawnJob<A, E> extends Job {
    #private;
    readonly pool: Pool;
    /** The context of the spawner. */
    context: Context.Context<never>;
    constructor(pool: Pool, jobs: Line<Job>, spawner: Fiber.Fiber<unknown, unknown>, effect: Effect.Effect<A, E>);
    /** The job has ended. */
    onExit(_exit: Exit.Exit<A, E>): void;
    /** The job will never start. */
    onDrop(): void;
    /** Makes the fiber, which starts when all those that were launched before have started. */
    launch(): Fiber.Fiber<A, E>;
    /**
     * Asks for a slot and launches as soon as there is one. For the register function of the spawner's callback; gives
     * what an interruption of the spawner does.
     */
    enter(resume: (effect: Effect.Effect<Fiber.Fiber<A, E>>) => void): Effect.Effect<void> | void;
    onGrant(): void;
    onRefuse(): void;
    interrupt(fiberId: number): void;
}
