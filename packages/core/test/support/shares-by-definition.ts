/**
 * Start-time fair queueing with weights and priorities, as it is defined: each figure is looked for among all keys.
 */

interface Caller {
  readonly id: number
  readonly key: string | undefined
  readonly score: number
  readonly number: number
  grantedAt: number
  estimate: number
}

interface Key {
  readonly weight: number
  finish: number
  start: number
  served: number
  /** When it came: among keys that were never served, the first to come is first. */
  readonly came: number
  mean: number | undefined
  waiting: Array<Caller>
  running: Array<Caller>
}

/** The first by these figures, compared in turn. */
const least = <A>(all: ReadonlyArray<A>, figures: (one: A) => ReadonlyArray<number>): A | undefined =>
  all.toSorted((a, b) => {
    const [ofA, ofB] = [figures(a), figures(b)]
    const index = ofA.findIndex((figure, i) => figure !== ofB[i])
    return index === -1 ? 0 : ofA[index]! - ofB[index]!
  })[0]

const firstOf = ({ waiting }: Key) => least(waiting, ({ number, score }) => [score, number])

export class SharesByDefinition {
  readonly keys = new Map<string | undefined, Key>()
  readonly #boost: number
  #virtualTime = 0
  #fair = 0
  #longest = 0
  #mean: number | undefined = undefined
  #grants = 0
  #arrivals = 0

  constructor(boostPerSecond: number) {
    this.#boost = boostPerSecond / 1000
  }

  /** The caller to be served next. */
  get first(): number | undefined {
    const key = least(
      [...this.keys.values()].filter(({ waiting }) => waiting.length > 0),
      ({ came, served, start }) => [start, served, came]
    )
    return key && firstOf(key)?.id
  }

  /** A caller comes, and waits or has its slot. */
  enter(id: number, key: string | undefined, weight: number, priority: number, now: number, waits: boolean): void {
    const came = ++this.#arrivals
    const fresh = { weight, finish: 0, start: 0, served: 0, came, mean: undefined, waiting: [], running: [] }
    const own = this.keys.get(key) ?? fresh
    this.keys.set(key, own)
    if (own.waiting.length === 0) own.start = Math.max(this.#virtualTime, own.finish)
    const score = now * this.#boost - priority
    own.waiting.push({ id, key, score, number: came, grantedAt: 0, estimate: 0 })
    if (!waits) this.grant(id, now)
  }

  leave(id: number): void {
    const [key] = this.#find(id)
    key.waiting = key.waiting.filter((caller) => caller.id !== id)
    this.#advance(0)
  }

  grant(id: number, now: number): void {
    const [key, caller] = this.#find(id)
    key.waiting = key.waiting.filter((other) => other !== caller)
    key.running.push(caller)
    caller.grantedAt = now
    caller.estimate = key.mean ?? this.#mean ?? 0
    key.finish = key.start
    key.served = ++this.#grants
    this.#advance(key.finish)
    key.finish += caller.estimate / key.weight
    key.start = Math.max(this.#virtualTime, key.finish)
  }

  end(id: number, now: number): void {
    const [key, caller] = this.#find(id)
    const { weight } = key
    const time = now - caller.grantedAt
    const meanOf = (mean: number | undefined) => mean === undefined ? time : mean + (time - mean) / 8
    key.finish += (time - caller.estimate) / weight
    key.mean = meanOf(key.mean)
    this.#mean = meanOf(this.#mean)
    key.start = Math.max(this.#virtualTime, key.finish)
    this.#longest = Math.max(this.#longest, time / weight)
    const inUse = [...this.keys.values()].filter(({ running, waiting }) => running.length + waiting.length > 0)
    this.#fair = Math.max(this.#fair, this.#virtualTime) + time / inUse.reduce((sum, { weight }) => sum + weight, 0)
    key.running = key.running.filter((other) => other !== caller)
    this.#advance(this.#fair - 2 * this.#longest)
  }

  #find(id: number): readonly [Key, Caller] {
    for (const key of this.keys.values()) {
      for (const caller of [...key.waiting, ...key.running]) if (caller.id === id) return [key, caller]
    }
    throw new Error(`no caller ${id}`)
  }

  /** A key that has paid for what it used is forgotten. */
  #advance(virtualTime: number): void {
    this.#virtualTime = Math.max(this.#virtualTime, virtualTime)
    for (const [key, { finish, running, waiting }] of this.keys) {
      if (running.length + waiting.length === 0 && finish <= this.#virtualTime) this.keys.delete(key)
    }
  }
}
