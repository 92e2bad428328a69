/**
 * The budget of slots that sessions share: how many leases each of them has, may keep, and is granted next.
 *
 * Nothing here waits or reads a clock: times are milliseconds that the caller passes in, and what is to be told or
 * written is returned to it.
 */
import { type Report, Session } from "./session.ts"

/** How long a turn lasts, in milliseconds. */
const Turn = 25

/** Into how many parts of the size the bounds of sessions are rounded up. */
const Parts = 8

export interface BudgetOptions {
  /** Milliseconds for which a lease lasts after a report. */
  readonly lease: number
  /** Milliseconds after which the leases of a session without a connection are free. */
  readonly reclaimAfter: number
}

/** What is kept for the next term. */
export interface Written {
  readonly size: number | undefined
  /** Whether jobs beyond the size may run, since it has shrunk. */
  readonly isOver: boolean
  /** The most leases that each session may have. */
  readonly bounds: Readonly<Record<string, number>>
}

// Invariants, whatever arrives in whatever order:
// - leases are only granted while those of all sessions, at most `bound` for those not heard yet, are fewer than the size;
// - a session never has more leases than its bound, which was written before they were granted;
// - a session's leases are never believed to be gone before it has returned them, has expired, or has been reclaimed.
export class Budget {
  /** How many leases there are; undefined until somebody opens the budget. */
  size: number | undefined
  readonly sessions = new Map<string, Session>()
  /** While above 0, sessions keep nothing that they don't use. */
  recalls = 0
  private readonly options: BudgetOptions
  /** Sessions that have ended, and until when they are remembered: their late messages open none. */
  private readonly ended = new Map<string, number>()
  /** Whether jobs may run beyond the size. */
  private isOver: boolean
  private turns = 0
  /** Whether a session waits for a higher bound. */
  private mustRaise = false
  /** When lower bounds are to be written, and whether that is due. */
  private lowers = Infinity
  private mustLower = false
  /** Whether sessions have ended whose bounds are still written. */
  private hasEnded = false

  /** `expires`: when the leases of the sessions that were written end, unless these report. */
  constructor(options: BudgetOptions, written: Written, expires: number) {
    this.options = options
    this.size = written.size
    this.isOver = written.isOver
    for (const [id, bound] of Object.entries(written.bounds)) {
      this.sessions.set(id, new Session(id, false, bound, expires))
    }
  }

  /** Leases of the sessions that have been heard in this term: the others have none that are known. */
  get leased(): number {
    let sum = 0
    for (const { leased } of this.sessions.values()) sum += leased
    return sum
  }

  /** What sessions that have not been heard yet may have. */
  get reserved(): number {
    let sum = 0
    for (const session of this.sessions.values()) if (!session.isHeard) sum += session.bound
    return sum
  }

  /** Whether each session has been heard in this term and `holds` for it. */
  every(holds: (session: Session) => boolean): boolean {
    for (const session of this.sessions.values()) if (!session.isHeard || !holds(session)) return false
    return true
  }

  /** A session connects. Returns it, unless it has ended. */
  connect(id: string, size: number, now: number): Session | undefined {
    this.size ??= size
    const session = this.open(id, now)
    if (session !== undefined) session.reclaimed = Infinity
    return session
  }

  /** The connection of a session has closed. */
  disconnect(id: string, now: number): void {
    const session = this.sessions.get(id)
    if (session !== undefined) session.reclaimed = now + this.options.reclaimAfter
  }

  /** A session reports. Returns it, unless it has ended: then what it has is gone. */
  report(id: string, report: Report, now: number): Session | undefined {
    const known = this.sessions.get(id)
    // What was taken over was written. A session that claims leases and isn't there was lost.
    const session = known ?? (report.claim === 0 && report.returned === 0 ? this.open(id, now) : undefined)
    if (session === undefined) return undefined
    if (!session.isHeard) {
      session.isHeard = true
      session.granted = report.claim
    }
    session.returned = Math.max(session.returned, report.returned)
    session.heard = Math.max(session.heard, report.heard)
    session.expires = Math.max(session.expires, now + this.options.lease)
    if (report.number > session.reported) {
      session.reported = report.number
      session.wanted = report.wanted
      session.running = report.running
      session.waiting = report.waiting
      session.isHungry = report.wanted > session.leased
    }
    session.peak = Math.max(session.peak, session.leased)
    return session
  }

  /** A session says that it has ended. */
  leave(id: string, now: number): void {
    const session = this.sessions.get(id)
    if (session === undefined) this.ended.set(id, now + this.options.lease)
    else this.end(session, now)
  }

  /** Changes the size. Each session has to say that it has heard of it. */
  resize(size: number): void {
    this.size = size
    this.askAll()
  }

  /** Has each session report. */
  askAll(): void {
    for (const session of this.sessions.values()) session.mustAnswer = true
  }

  /**
   * Grants one lease to a session that would take no other place than a free one. Otherwise says why not: sessions have
   * leases that they don't use, a bound has to be written first, or all are in use or wanted.
   */
  grantIfFree(id: string): "granted" | "unused" | "unwritten" | "none" {
    const session = this.sessions.get(id)
    if (session === undefined || !session.isHeard || this.size === undefined || this.isOver) return "none"
    const others = [...this.sessions.values()].filter((other) => other !== session)
    if (others.some((other) => this.wantedBy(other) > other.leased)) return "none"
    const free = this.size - this.leased - this.reserved
    if (free <= 0) {
      // Those that may keep all, or have not answered yet, have not said what they don't use any more.
      const mayFree = others.some(({ heard, leased, order }) =>
        leased > 0 && (order?.keep === undefined || heard < order.answer)
      )
      return mayFree ? "unused" : "none"
    }
    if (session.leased + 1 > session.bound) {
      session.peak = session.leased + 1
      this.mustRaise = true
      return "unwritten"
    }
    this.grant(session, 1)
    return "granted"
  }

  /** Whether the session may be granted one more lease by what is written, or has ended. */
  hasRoom(id: string): boolean {
    const session = this.sessions.get(id)
    return session === undefined || session.leased < session.bound
  }

  /** Time has passed: leases and turns end. */
  tick(now: number): void {
    for (const session of this.sessions.values()) {
      if (session.expires <= now || session.reclaimed <= now) this.end(session, now)
      else if (session.turn?.until !== undefined && session.turn.until <= now) session.turn = undefined
    }
    for (const [id, until] of this.ended) if (until <= now) this.ended.delete(id)
    if (this.lowers <= now) {
      this.lowers = Infinity
      for (const session of this.sessions.values()) {
        if (session.isHeard && this.roundUp(session.peak) < session.bound) this.mustLower = true
        session.peak = session.leased
      }
      if (this.hasEnded) this.mustLower = true
    }
  }

  /** When `tick` has something to do next. */
  get next(): number {
    let next = this.lowers
    for (const { expires, reclaimed, turn } of this.sessions.values()) {
      next = Math.min(next, expires, reclaimed, turn?.until ?? Infinity)
    }
    return next
  }

  /** Decides what each session may keep, and grants what is free. Returns the sessions that have new orders. */
  settle(now: number): ReadonlyArray<Session> {
    const { size } = this
    if (size === undefined) return []
    const heard = [...this.sessions.values()].filter((session) => session.isHeard)
    const { leased, reserved } = this
    // Bounds are no reason to hold up those who were heard, except after a shrink.
    this.isOver = leased > size || (this.isOver && leased + reserved > size)
    const keeps = this.isOver ? heard.map(() => 0) : this.keeps(heard, size, leased, reserved)
    if (!this.isOver) this.grantAll(heard, keeps, size - leased - reserved, now)
    this.planLowering(now)
    return heard.filter((session, index) => this.tell(session, keeps[index], size))
  }

  /** Whether bounds are to be written: higher ones since somebody waits for them, or lower ones since it is time. */
  get mustWrite(): boolean {
    return this.mustRaise || this.mustLower
  }

  /** What is to be written. Until that is done, both the old bounds hold and the new. */
  write(size = this.size): Written {
    this.mustRaise = this.mustLower = false
    this.lowers = Infinity
    this.hasEnded = false
    const bounds: Record<string, number> = {}
    for (const session of this.sessions.values()) {
      bounds[session.id] = session.isHeard ? this.roundUp(session.peak) : session.bound
      session.bound = Math.min(session.bound, bounds[session.id]!)
      session.peak = session.leased
    }
    return { size, isOver: this.isOver || (size ?? 0) < this.leased, bounds }
  }

  /** That has been written. */
  wrote({ bounds }: Written): void {
    for (const [id, bound] of Object.entries(bounds)) {
      const session = this.sessions.get(id)
      if (session !== undefined) session.bound = bound
    }
  }

  private open(id: string, now: number): Session | undefined {
    const known = this.sessions.get(id)
    if (known !== undefined || this.ended.has(id)) return known
    const session = new Session(id, true, 0, now + this.options.lease)
    session.lastTurn = ++this.turns
    this.sessions.set(id, session)
    return session
  }

  private end(session: Session, now: number): void {
    this.sessions.delete(session.id)
    this.ended.set(session.id, now + this.options.lease)
    this.hasEnded = true
  }

  /** How many leases the session could use; more than there are is nobody's business. */
  private wantedBy(session: Session): number {
    return Math.min(session.wanted, this.size!)
  }

  /** How many leases each session may keep; undefined is all. */
  private keeps(
    heard: ReadonlyArray<Session>,
    size: number,
    leased: number,
    reserved: number
  ): ReadonlyArray<number | undefined> {
    const wanted = heard.map((session) => this.wantedBy(session))
    if (sum(wanted) > size) return this.share(heard, wanted, Math.max(leased, size - reserved))
    for (const session of heard) session.turn = undefined
    const unmet = sum(heard.map((session, index) => Math.max(0, wanted[index]! - session.leased)))
    const isShort = unmet > size - leased - reserved
    return heard.map((session, index) => {
      if (this.recalls > 0) return wanted[index]
      return isShort && session.leased > wanted[index]! ? wanted[index] : undefined
    })
  }

  /** Equal shares up to the level, and turns for what the level leaves over. */
  private share(heard: ReadonlyArray<Session>, wanted: ReadonlyArray<number>, slots: number): ReadonlyArray<number> {
    const { left, level } = levelOf(wanted, slots)
    const isAbove = (index: number) => wanted[index]! > level
    let free = left
    for (const [index, session] of heard.entries()) {
      if (session.turn === undefined) continue
      if (isAbove(index) && free > 0) free--
      else session.turn = undefined
    }
    const queue = heard.filter((session, index) => isAbove(index) && session.turn === undefined)
      .sort((one, other) => one.lastTurn - other.lastTurn)
    for (const session of queue.slice(0, free)) {
      session.turn = { until: undefined }
      session.lastTurn = ++this.turns
    }
    return heard.map((session, index) => Math.min(wanted[index]!, session.turn === undefined ? level : level + 1))
  }

  /** Grants free leases to those who want them, to all alike, then some ahead to those who have used all they had. */
  private grantAll(
    heard: ReadonlyArray<Session>,
    keeps: ReadonlyArray<number | undefined>,
    slots: number,
    now: number
  ): void {
    let free = slots
    const needs = heard.map((session, index) => ({
      session,
      target: Math.min(this.wantedBy(session), keeps[index] ?? Infinity)
    })).filter(({ session, target }) => session.leased < target)
      .sort((one, other) => one.session.leased - other.session.leased)
    for (let open = needs; free > 0 && open.length > 0;) {
      const each = Math.max(1, Math.floor(free / open.length))
      for (const { session, target } of open) {
        free -= this.grantUpTo(session, Math.min(each, free, target - session.leased))
      }
      // One with a peak above its bound waits for that to be written.
      open = open.filter(({ session, target }) => session.leased < target && session.peak <= session.bound)
    }
    const isCalm = keeps.every((keep) => keep === undefined) &&
      needs.every(({ session, target }) => session.leased === target)
    const busy = heard.filter(({ wanted }) => wanted > 0).length
    for (const [index, session] of heard.entries()) {
      if (session.isHungry && isCalm) {
        const ahead = 2 * this.wantedBy(session) - session.leased
        free -= this.grantUpTo(session, Math.min(ahead, Math.floor(free / busy)))
      }
      // A session that waits for its bound is served when that is written.
      if (!this.mustRaise) session.isHungry = false
      const { turn } = session
      if (turn !== undefined && turn.until === undefined && session.leased >= keeps[index]!) turn.until = now + Turn
    }
  }

  /** Grants at most so many leases, as the bound of the session has it. Returns how many. */
  private grantUpTo(session: Session, count: number): number {
    const room = session.bound - session.leased
    if (room < count) {
      session.peak = Math.max(session.peak, session.leased + count)
      this.mustRaise = true
    }
    const granted = Math.max(0, Math.min(room, count))
    this.grant(session, granted)
    return granted
  }

  private grant(session: Session, count: number): void {
    session.granted += count
    session.peak = Math.max(session.peak, session.leased)
  }

  /** Makes the order to the session, if there is something new to tell. */
  private tell(session: Session, keep: number | undefined, size: number): boolean {
    const last = session.order
    const { granted } = session
    // Until now it has said only what nobody waited for.
    const isRecalled = keep !== undefined && last?.keep === undefined && session.leased > 0
    const mustAnswer = session.mustAnswer || isRecalled
    if (
      last !== undefined && last.granted === granted && last.keep === keep && !mustAnswer
    ) return false
    const number = (last?.number ?? 0) + 1
    session.mustAnswer = false
    session.order = {
      number,
      granted,
      ...(keep === undefined ? undefined : { keep }),
      size,
      answer: mustAnswer ? number : last?.answer ?? 0
    }
    return true
  }

  /** Bounds are lowered when for a while less was needed. */
  private planLowering(now: number): void {
    if (this.mustLower || this.lowers !== Infinity) return
    const isLower = (session: Session) => session.isHeard && this.roundUp(session.leased) < session.bound
    if (this.hasEnded || [...this.sessions.values()].some(isLower)) this.lowers = now + this.options.lease / 5
  }

  /** A bound: the leases rounded up to a part of the size. */
  private roundUp(leases: number): number {
    const size = this.size ?? 0
    const part = Math.max(1, Math.ceil(size / Parts))
    return Math.max(leases, Math.min(size, Math.ceil(leases / part) * part))
  }
}

/**
 * The level: the most that each may have so that the sum of what they want, at most the level for each, fits into the
 * slots; and what it leaves over. Only where more is wanted than there is.
 */
export const levelOf = (
  wanted: ReadonlyArray<number>,
  slots: number
): { readonly level: number; readonly left: number } => {
  let left = slots
  const ascending = wanted.toSorted((a, b) => a - b)
  for (const [index, want] of ascending.entries()) {
    const sharers = ascending.length - index
    const level = Math.floor(left / sharers)
    if (want > level) return { level, left: left - level * sharers }
    left -= want
  }
  return { level: Infinity, left }
}

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((total, number) => total + number, 0)
