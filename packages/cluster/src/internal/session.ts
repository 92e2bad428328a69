/**
 * A session of the budget: what one pool of one process has to do with the coordinator, from its first message until it
 * leaves or is lost.
 *
 * What it says and what it is told are absolute figures that only grow (leases granted, leases returned, numbers of
 * reports and orders), so that messages may be repeated, overtake each other, or get lost.
 */

/** What a session says of itself, by its own count of this term. */
export interface Report {
  /** Counts the reports of the session: what a later one says holds. */
  readonly number: number
  /** How many leases it had when it heard of the term. */
  readonly claim: number
  /** How many it has given back since. */
  readonly returned: number
  /** How many it could use. */
  readonly wanted: number
  readonly running: number
  readonly waiting: number
  /** The number of the last order that it has carried out. */
  readonly heard: number
}

/** What a session is told. */
export interface Order {
  /** Counts the orders to the session: what a later one says holds. */
  readonly number: number
  /** How many leases it has been granted in this term, its claim included. */
  readonly granted: number
  /** How many leases it may keep when the jobs on them have ended. Without: all. */
  readonly keep?: number
  /** The size of the budget. */
  readonly size: number
  /** Orders up to this number want a report, even if there is nothing new. */
  readonly answer: number
}

export class Session {
  readonly id: string
  /** Whether it has reported in this term. Before that it has at most `bound` leases. */
  isHeard: boolean
  granted = 0
  returned = 0
  wanted = 0
  running = 0
  waiting = 0
  /** The number of its last report. */
  reported = 0
  /** The number of the last order that it has carried out. */
  heard = 0
  /** The last order to it. */
  order: Order | undefined = undefined
  /** Its next order wants an answer. */
  mustAnswer = false
  /** It has used all it had, and may get leases ahead. */
  isHungry = false
  /** Its leases end then. Only ever moved on. */
  expires: number
  /** Its connection is closed: its leases end then, unless it connects again. */
  reclaimed = Infinity
  /** How many leases it may have at most by what is written. */
  bound: number
  /** The most that it has had since that was written. */
  peak = 0
  /** Whether it has a turn, and until when; without a time while it waits for the slot. */
  turn: { until: number | undefined } | undefined = undefined
  /** When it had its last turn, as a number of turns. */
  lastTurn = 0

  constructor(id: string, isHeard: boolean, bound: number, expires: number) {
    this.id = id
    this.isHeard = isHeard
    this.bound = bound
    this.expires = expires
  }

  /** How many leases it has; until it says so, those it has given back count. */
  get leased(): number {
    return this.granted - this.returned
  }
}
