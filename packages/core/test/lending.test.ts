/**
 * Lending, beside its definition: who has which slot, when jobs at any depth come, end, leave the queue or move.
 */
import { Exit } from "effect"
import { expect, it } from "vitest"
import { Ledger } from "../src/internal/ledger.ts"
import { LinkedList } from "../src/internal/linked-list.ts"
import { Semaphore } from "../src/internal/semaphore.ts"
import { Job, Slots } from "../src/internal/slots.ts"
import { Random } from "./model/random.ts"
import { VirtualClock } from "./support/virtual-clock.ts"

class Member extends Job {
  readonly isRefused = false
  onWaitEnd(): void {}
  interrupt(): void {}
  isRunBy(): boolean {
    return false
  }
}

/** A job, as it is defined. */
interface Defined {
  around: Defined | undefined
  state: "waiting" | "holding" | "ended"
  lender: Defined | undefined
  borrower: Defined | undefined
  /** When it came into the queue, and when it came inside the job around it. */
  readonly joined: number
  arrived: number
}

/** The jobs around it that have not ended, the innermost first. */
const allAround = ({ around }: Defined): ReadonlyArray<Defined> =>
  around === undefined ? [] : [...around.state === "ended" ? [] : [around], ...allAround(around)]

class Definition {
  readonly jobs: Array<Defined> = []
  size: number
  #time = 0

  constructor(size: number) {
    this.size = size
  }

  get taken(): number {
    return this.in("holding").filter(({ lender }) => lender === undefined).length
  }

  in(state: Defined["state"]): ReadonlyArray<Defined> {
    return this.jobs.filter((job) => job.state === state)
  }

  enter(around: Defined | undefined): void {
    const now = ++this.#time
    const job: Defined = { around, state: "waiting", lender: undefined, borrower: undefined, joined: now, arrived: now }
    const isFree = this.taken < this.size && this.in("waiting").length === 0
    this.jobs.push(job)
    if (isFree) job.state = "holding"
    else this.#borrow(job)
  }

  move(job: Defined, around: Defined | undefined): void {
    job.around = around
    job.arrived = ++this.#time
    this.#borrow(job)
  }

  end(job: Defined): void {
    const { borrower, lender } = job
    job.state = "ended"
    if (borrower !== undefined) borrower.lender = lender
    if (lender !== undefined) lender.borrower = borrower
    if (borrower !== undefined) return
    if (lender === undefined) return this.serve()
    const [first] = this.in("waiting").filter((waiting) => allAround(waiting).includes(lender))
      .toSorted((a, b) => a.arrived - b.arrived)
    if (first !== undefined) this.#lend(lender, first)
  }

  serve(): void {
    for (const job of this.in("waiting").toSorted((a, b) => a.joined - b.joined)) {
      if (this.taken >= this.size) return
      job.state = "holding"
    }
  }

  /** From the innermost job around it whose slot isn't lent. */
  #borrow(job: Defined): void {
    const lender = allAround(job).find(({ borrower }) => borrower === undefined)
    if (lender !== undefined) this.#lend(lender, job)
  }

  #lend(lender: Defined, job: Defined): void {
    job.state = "holding"
    job.lender = lender
    lender.borrower = job
  }
}

/** Whether a job waits, holds a slot or has ended, and where it holds one, the numbers of its lender and borrower. */
const stateOf = <A>(
  { borrower, lender, state }: { state: string; lender: A | undefined; borrower: A | undefined },
  numberOf: (job: A | undefined) => number
) => state === "holding" ? [numberOf(lender), numberOf(borrower)] : state

it("slots are lent to the job that came first inside their own, at any depth", () => {
  const kinds = ["enter", "enter", "enter", "enter", "enter", "end", "end", "cancel", "move", "resize"] as const
  for (let seed = 0; seed < 400; seed++) {
    const random = new Random(seed)
    const size = random.below(6)
    const definition = new Definition(size)
    const semaphore = new Semaphore<Job>(size)
    const ledger = new Ledger("", semaphore)
    const ranking = { clock: new VirtualClock(), weight: () => 1, priorityBoost: 0 }
    const slots = new Slots(semaphore, ledger, ranking, () => {})
    const peers = new LinkedList<Job>()
    const jobs: Array<Member> = []
    const indexOf = (job: Defined | undefined) => job === undefined ? -1 : definition.jobs.indexOf(job)
    const pick = (state: Defined["state"]) => {
      const all = definition.in(state)
      return all[random.below(all.length)]
    }
    const steps = {
      enter: () => {
        // Mostly inside one of the first, so that several have jobs inside them that wait.
        const holding = definition.in("holding")
        const around = random.below(12) === 0 ? undefined : holding[random.below(Math.min(4, holding.length))]
        const job = new Member(slots, peers, jobs[indexOf(around)])
        jobs.push(job)
        definition.enter(around)
        if (!slots.takeOrBorrow(job)) slots.join(job)
      },
      end: () => {
        const ended = pick("holding")
        if (ended === undefined) return
        definition.end(ended)
        slots.end(jobs[indexOf(ended)]!, Exit.void)
      },
      cancel: () => {
        const canceled = pick("waiting")
        if (canceled === undefined) return
        canceled.state = "ended"
        slots.cancel(jobs[indexOf(canceled)]!)
      },
      move: () => {
        const moved = pick("waiting")
        if (moved === undefined) return
        const around = random.below(3) === 0 ? undefined : pick("holding")
        definition.move(moved, around)
        slots.move(jobs[indexOf(moved)]!, jobs[indexOf(around)]?.ref)
      },
      resize: () => {
        definition.size = random.below(6)
        definition.serve()
        slots.resize(definition.size)
      }
    }
    for (let step = 0; step < 60; step++) {
      steps[random.pick(kinds)]()
      const expected = definition.jobs.map((job) => stateOf(job, indexOf))
      const actual = jobs.map((job) => stateOf(job, (other) => jobs.findIndex((job) => job === other)))
      expect(actual, `seed ${seed}, step ${step}`).toEqual(expected)
      const { taken } = definition
      expect([semaphore.taken, ledger.borrowed]).toEqual([taken, definition.in("holding").length - taken])
    }
  }
})
