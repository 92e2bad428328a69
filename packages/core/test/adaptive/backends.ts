/**
 * Simulated backends: what they take in, how long it takes, and what they refuse. Times are in seconds.
 */
import type { Random, Simulation } from "./simulation.ts"

/** How a call ends: an overload is one that the backend says it has too much for. */
export type Outcome = "ok" | "overload" | "failure"

export interface Backend {
  call(done: (outcome: Outcome) => void): void
}

/** How long a call is served. */
export type Service = (random: Random) => number

const normal = (random: Random): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())

/** All of them with the mean 1. */
export const services = {
  exponential: (random) => -Math.log(1 - random()),
  /** Coefficient of variation 0.2. */
  even: (random) => Math.max(0.2, 1 + 0.2 * normal(random)),
  /** Log-normal with coefficient of variation 2.5. */
  uneven: (random) => Math.exp(normal(random) * Math.sqrt(Math.log(7.25)) - Math.log(7.25) / 2),
  /** Nine of ten take 0.4, the tenth 6.4. */
  twoModes: (random) => random() < 0.9 ? 0.4 : 6.4,
  /** Pareto with exponent 2.2, cut off at 100. */
  pareto: (random) => Math.min(100, (1.2 / 2.2) * (1 - random()) ** (-1 / 2.2)),
  deterministic: () => 1
} as const satisfies Record<string, Service>

export interface WorkersOptions {
  readonly workers: number
  readonly service: Service
  /** Seconds of service in the mean. Default 1. */
  readonly mean?: number
  /** Seconds on the network, there and back. Default 0. */
  readonly network?: number
  /** How many calls may wait; others are refused. Default: no bound. */
  readonly queue?: number
  /** How long callers wait for an answer; the backend goes on with what they have given up. Default: for ever. */
  readonly timeout?: number
  /** The share of calls that fail in the end. Default 0. */
  readonly failures?: number
  /** The share of calls that are told, whatever the load, that it is too much. Default 0. */
  readonly overloads?: number
}

/** How long a refusal takes. */
const refusal = 0.02

/** Workers with one queue. */
export class Workers implements Backend {
  workers: number
  mean: number
  network: number
  private readonly simulation: Simulation
  private readonly random: Random
  private readonly options: WorkersOptions
  private busy = 0
  private queue: Array<() => void> = []
  private head = 0

  constructor(simulation: Simulation, random: Random, options: WorkersOptions) {
    this.simulation = simulation
    this.random = random
    this.options = options
    this.workers = options.workers
    this.mean = options.mean ?? 1
    this.network = options.network ?? 0
  }

  call(done: (outcome: Outcome) => void): void {
    const { failures = 0, overloads = 0, timeout } = this.options
    const chance = this.random()
    const outcome = chance < failures ? "failure" : chance < failures + overloads ? "overload" : "ok"
    let isOver = false
    const end = (outcome: Outcome) => {
      if (isOver) return
      isOver = true
      done(outcome)
    }
    if (timeout !== undefined) this.simulation.after(timeout, () => end("overload"))
    this.simulation.after(this.network / 2, () => this.arrive(() => end(outcome), () => end("overload")))
  }

  setWorkers(workers: number): void {
    this.workers = workers
    this.serve()
  }

  private arrive(done: () => void, refuse: () => void): void {
    const { queue = Infinity } = this.options
    if (this.busy >= this.workers && this.queue.length - this.head >= queue) {
      return this.simulation.after(refusal + this.network / 2, refuse)
    }
    this.queue.push(done)
    this.serve()
  }

  private serve(): void {
    while (this.busy < this.workers && this.head < this.queue.length) {
      const done = this.queue[this.head++]!
      if (this.head > 1000 && this.head * 2 > this.queue.length) {
        this.queue = this.queue.slice(this.head)
        this.head = 0
      }
      this.busy++
      this.simulation.after(this.mean * this.options.service(this.random), () => {
        this.busy--
        this.simulation.after(this.network / 2, done)
        this.serve()
      })
    }
  }
}

/** A backend whose parts get in each other's way: n calls at once have X(n) = n / (s (1 + σ(n-1) + κn(n-1))). */
export class Contention implements Backend {
  readonly options: { readonly sigma: number; readonly kappa: number }
  private readonly simulation: Simulation
  private readonly random: Random
  private readonly calls: Array<(outcome: Outcome) => void> = []
  private version = 0

  constructor(simulation: Simulation, random: Random, options: { readonly sigma: number; readonly kappa: number }) {
    this.simulation = simulation
    this.random = random
    this.options = options
  }

  call(done: (outcome: Outcome) => void): void {
    this.calls.push(done)
    this.plan()
  }

  /** Service is exponential, so that who is served next, and when, is drawn anew at each change. */
  private plan(): void {
    const version = ++this.version
    const n = this.calls.length
    if (n === 0) return
    const { kappa, sigma } = this.options
    const rate = n / (1 + sigma * (n - 1) + kappa * n * (n - 1))
    this.simulation.after(-Math.log(1 - this.random()) / rate, () => {
      if (version !== this.version) return
      const [done] = this.calls.splice(Math.floor(this.random() * n), 1)
      this.plan()
      done!("ok")
    })
  }
}

/** As many calls at once as it takes to serve them, but no more than a cap: others are refused. */
export class Capped implements Backend {
  cap: number
  private readonly simulation: Simulation
  private readonly random: Random
  private readonly service: Service
  private calls = 0

  constructor(simulation: Simulation, random: Random, options: { readonly cap: number; readonly service: Service }) {
    this.simulation = simulation
    this.random = random
    this.cap = options.cap
    this.service = options.service
  }

  call(done: (outcome: Outcome) => void): void {
    if (this.calls >= this.cap) return this.simulation.after(refusal, () => done("overload"))
    this.calls++
    this.simulation.after(this.service(this.random), () => {
      this.calls--
      done("ok")
    })
  }
}

/** So many calls a second, in a bucket of that many; others are refused. */
export class Limited implements Backend {
  private readonly simulation: Simulation
  private readonly random: Random
  private readonly service: Service
  private readonly rate: number
  private tokens: number
  private filled = 0

  constructor(simulation: Simulation, random: Random, options: { readonly rate: number; readonly service: Service }) {
    this.simulation = simulation
    this.random = random
    this.service = options.service
    this.rate = this.tokens = options.rate
  }

  call(done: (outcome: Outcome) => void): void {
    const { now } = this.simulation
    this.tokens = Math.min(this.rate, this.tokens + (now - this.filled) * this.rate)
    this.filled = now
    if (this.tokens < 1) return this.simulation.after(refusal, () => done("overload"))
    this.tokens--
    this.simulation.after(this.service(this.random), () => done("ok"))
  }
}
