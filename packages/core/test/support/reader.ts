/**
 * A reader that takes a stream chunk by chunk, when the test says so.
 */
import { Effect, Exit, type Fiber, Pull, Scope, Stream } from "effect"
import type { World } from "./world.ts"

export class Reader<A, E> {
  readonly chunks: Array<ReadonlyArray<A>> = []
  /** All that was read. */
  readonly values: Array<A> = []
  /** How the stream ended. */
  exit: Exit.Exit<void, E> | undefined = undefined
  readonly #world: World
  readonly #scope = Scope.makeUnsafe()
  readonly #pull: Pull.Pull<ReadonlyArray<A>, E>
  #pulling: Fiber.Fiber<void, E> | undefined = undefined

  /** Opens the stream; takes nothing yet. */
  constructor(world: World, stream: Stream.Stream<A, E>) {
    this.#world = world
    this.#pull = world.get(Effect.provideService(Stream.toPull(stream), Scope.Scope, this.#scope))
  }

  /** Whether the reader waits for the next chunk. */
  get isWaiting(): boolean {
    return this.#pulling !== undefined
  }

  /** Asks for the next chunk, unless the reader waits for it already, and lets everything run that can. */
  pull(): void {
    if (this.#pulling === undefined && this.exit === undefined) {
      const fiber = this.#world.fork(
        Pull.catchDone(
          Effect.map(this.#pull, (chunk): boolean => {
            this.chunks.push(chunk)
            this.values.push(...chunk)
            return true
          }),
          () => Effect.succeed(false)
        )
      )
      this.#pulling = fiber as Fiber.Fiber<unknown, E> as Fiber.Fiber<void, E>
      fiber.addObserver((exit) => {
        this.#pulling = undefined
        if (Exit.isFailure(exit)) this.exit = exit
        else if (!exit.value) this.exit = Exit.void
      })
    }
    this.#world.run()
  }

  /** Pulls until the reader has to wait, or the stream has ended. */
  readAll(): void {
    do this.pull()
    while (!this.isWaiting && this.exit === undefined)
  }

  /** Leaves the stream; it has been left when `left` ends. */
  leave(): Fiber.Fiber<void> {
    this.#pulling?.interruptUnsafe()
    const left = this.#world.fork(Scope.close(this.#scope, Exit.void))
    this.#world.run()
    return left
  }
}
