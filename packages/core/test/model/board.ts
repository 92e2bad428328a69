/**
 * What can be seen of a running program from outside. The model and the library fill one each, and they are compared.
 */
export class Board {
  /**
   * Where each actor that has started is (waiting for an order in its body or its finalizer, busy with an order, or
   * gone), and each source that is being read.
   */
  readonly status = new Map<string, string>()
  /** What became of the orders of each actor. */
  readonly notes = new Map<string, Array<string>>()
  /** Those of each kind in the order in which they started, or were let in. */
  readonly order = new Map<string, Array<string>>()
  /** Maps that have given their last result. */
  readonly exhausted = new Set<string>()
  /** Told about everything, as it changes. */
  onStatus: (actor: string, status: string) => void = () => {}
  onNote: (actor: string, text: string) => void = () => {}

  /** The actors that wait for an order. */
  get idle(): ReadonlyArray<string> {
    return [...this.status].flatMap(([actor, status]) => status === "idle" || status === "finalizing" ? [actor] : [])
  }

  set(actor: string, status: string): void {
    this.status.set(actor, status)
    this.onStatus(actor, status)
  }

  /** Notes the place of an actor among those of its kind. Counts only once it has started. */
  enter(kind: string, actor: string): void {
    append(this.order, kind, actor)
  }

  over(actor: string, exit: string): void {
    if (this.status.has(actor)) this.set(actor, `over: ${exit}`)
  }

  note(actor: string, text: string): void {
    append(this.notes, actor, text)
    this.onNote(actor, text)
  }

  facts(): Map<string, string> {
    const facts = new Map<string, string>()
    for (const [actor, status] of this.status) facts.set(`${actor} is`, status)
    for (const [actor, notes] of this.notes) facts.set(`${actor} noted`, notes.join("; "))
    for (const [kind, actors] of this.order) {
      facts.set(`${kind} started`, actors.filter((actor) => this.status.has(actor)).join(" "))
    }
    return facts
  }
}

const append = (lists: Map<string, Array<string>>, key: string, text: string): void => {
  lists.set(key, [...lists.get(key) ?? [], text])
}
