/**
 * Jobs by name: each notes when it starts and how it ends, and goes on until it is told to end.
 */
import { Effect, Exit, Latch } from "effect"

export class Stage {
  /** What happened, in order: `"a starts"`, `"a ends"`, `"a fails"`, `"a is interrupted"`. */
  readonly events: Array<string> = []
  readonly #gates = new Map<string, Latch.Latch>()

  /** A job that runs until `finish(name)`, and gives its name. */
  readonly job = (name: string): Effect.Effect<string> => this.around(name, this.gate(name).await)

  /** Notes the start and the end of an effect, and gives the name. */
  around<A, E, R>(name: string, effect: Effect.Effect<A, E, R>): Effect.Effect<string, E, R> {
    return Effect.suspend(() => {
      this.note(`${name} starts`)
      return effect
    }).pipe(
      Effect.onExit((exit) =>
        Effect.sync(() =>
          this.note(`${name} ${Exit.isSuccess(exit) ? "ends" : Exit.hasInterrupts(exit) ? "is interrupted" : "fails"}`)
        )
      ),
      Effect.as(name)
    )
  }

  gate(name: string): Latch.Latch {
    let gate = this.#gates.get(name)
    if (gate === undefined) this.#gates.set(name, gate = Latch.makeUnsafe())
    return gate
  }

  /** Lets the job `name` end, now or as soon as it comes to that. */
  readonly finish = (name: string): Effect.Effect<void> => Effect.asVoid(this.gate(name).open)

  /** Lets all jobs end that have been made so far. */
  readonly finishAll: Effect.Effect<void> = Effect.sync(() => {
    for (const gate of this.#gates.values()) gate.openUnsafe()
  })

  note(event: string): void {
    this.events.push(event)
  }

  /** The names of the jobs that have started, in order. */
  get started(): Array<string> {
    return this.events.filter((event) => event.endsWith(" starts")).map((event) => event.slice(0, -" starts".length))
  }
}
