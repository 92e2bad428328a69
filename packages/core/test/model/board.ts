/**
 * What can be seen of a running program from outside. The model and the library fill one each, and they are compared.
 */

/** Where an actor is: waiting for an order in its body or its finalizer, busy with an order, or gone. */
export type Status = string

export class Board {
  /** Each actor that has started, and each source that is being read. */
  readonly status = new Map<string, Status>()
  /** What became of the orders of each actor. */
  readonly notes = new Map<string, Array<string>>()
  /** Those of each kind in the order in which they started, or were let in. */
  readonly order = new Map<string, Array<string>>()
  /** Maps that have given their last result. */
  readonly exhausted = new Set<string>()
  /** Told about each status and each note, as they change. */
  onStatus: (actor: string, status: Status) => void = () => {}
  onNote: (actor: string, text: string) => void = () => {}
  onEnter: (kind: string, actor: string) => void = () => {}

  set(actor: string, status: Status): void {
    this.status.set(actor, status)
    this.onStatus(actor, status)
  }

  /** Notes the place of an actor among those of its kind. Counts only once he has started. */
  enter(kind: string, actor: string): void {
    this.append(this.order, kind, actor)
    this.onEnter(kind, actor)
  }

  over(actor: string, exit: string): void {
    if (this.status.has(actor)) this.set(actor, `over: ${exit}`)
  }

  note(actor: string, text: string): void {
    this.append(this.notes, actor, text)
    this.onNote(actor, text)
  }

  isIdle(actor: string): boolean {
    const status = this.status.get(actor)
    return status === "idle" || status === "finalizing"
  }

  isOver(actor: string): boolean {
    return this.status.get(actor)?.startsWith("over") === true
  }

  /** Everything, one fact a line. */
  facts(): Array<string> {
    const facts = [...this.status].map(([actor, status]) => `${actor} ${status}`)
    for (const [actor, notes] of this.notes) facts.push(`${actor} noted ${notes.join("; ")}`)
    for (const [kind, actors] of this.#starts()) if (actors.length > 0) facts.push(`${kind} ${actors.join(" ")}`)
    return facts.sort()
  }

  /** What is to be seen here and should not be, by that other board. */
  differences(expected: Board): Array<string> {
    const problems: Array<string> = []
    for (const [actor, status] of this.status) {
      const other = expected.status.get(actor)
      if (status !== other) problems.push(`${actor} is ${status}, not ${other ?? "to be there"}`)
    }
    for (const [actor, status] of expected.status) {
      if (!this.status.has(actor)) problems.push(`${actor} is not there, but should be ${status}`)
    }
    compare(problems, "noted", this.notes, expected.notes)
    compare(problems, "started", this.#starts(), expected.#starts())
    return problems
  }

  /** The order of those who have started. */
  #starts(): ReadonlyMap<string, ReadonlyArray<string>> {
    const starts = new Map<string, ReadonlyArray<string>>()
    for (const [kind, actors] of this.order) starts.set(kind, actors.filter((actor) => this.status.has(actor)))
    return starts
  }

  private append(lists: Map<string, Array<string>>, key: string, text: string): void {
    const list = lists.get(key)
    if (list === undefined) lists.set(key, [text])
    else list.push(text)
  }
}

const compare = (
  problems: Array<string>,
  verb: string,
  found: ReadonlyMap<string, ReadonlyArray<string>>,
  expected: ReadonlyMap<string, ReadonlyArray<string>>
): void => {
  for (const key of new Set([...found.keys(), ...expected.keys()])) {
    const one = found.get(key)?.join("; ") ?? ""
    const other = expected.get(key)?.join("; ") ?? ""
    if (one !== other) problems.push(`${key} ${verb} [${one}], not [${other}]`)
  }
}
