/**
 * The scenarios of the test bed.
 */
import { Capped, Contention, Limited, services, Workers, type WorkersOptions } from "./backends.ts"
import type { Phase, Scenario } from "./bed.ts"
import { sources } from "./sources.ts"

/** What a scenario is expected to show beside a goodput near the best. */
interface Expected {
  /** A mean time in the slot at the best size, roughly: the unit of time. */
  readonly unit: number
  /** Whether the size must not swing: the backend stays what it is. */
  readonly steady?: boolean
}

export interface Entry extends Expected {
  // Each scenario has a backend of its own kind.
  readonly scenario: Scenario<any>
}

const workers = (options: WorkersOptions): Scenario<Workers>["backend"] => (simulation, random) =>
  new Workers(simulation, random, options)

const exponential: WorkersOptions = { workers: 32, service: services.exponential }

const steady = (
  name: string,
  backend: Scenario<any>["backend"],
  options?: Partial<Scenario> & Partial<Expected>
): Entry => {
  const { unit = 1, ...scenario } = options ?? {}
  return {
    unit,
    steady: true,
    scenario: { name, backend, source: sources.run(300), phases: [{ name, seconds: 1000 * unit }], ...scenario }
  }
}

const changing = <B extends Workers>(
  name: string,
  backend: Scenario<B>["backend"],
  phases: ReadonlyArray<Phase<B>>,
  options?: Partial<Scenario> & Partial<Expected>
): Entry => {
  const { unit = 1, ...scenario } = options ?? {}
  return { unit, scenario: { name, backend, source: sources.run(300), phases, ...scenario } }
}

const toWorkers = (workers: number, seconds = 1000): Phase<Workers> => ({
  name: `${workers} workers`,
  seconds,
  change: (backend) => backend.setWorkers(workers)
})

export const scenarios: ReadonlyArray<Entry> = [
  steady("4 workers", workers({ ...exponential, workers: 4 })),
  steady("32 workers", workers(exponential)),
  steady("200 workers", workers({ ...exponential, workers: 200 }), { source: sources.run(600) }),
  steady("even service", workers({ ...exponential, service: services.even })),
  steady("uneven service", workers({ ...exponential, service: services.uneven })),
  steady("two modes", workers({ ...exponential, service: services.twoModes })),
  steady("Pareto service", workers({ ...exponential, service: services.pareto })),
  steady("deterministic", workers({ ...exponential, service: services.deterministic })),
  steady("far network", workers({ ...exponential, workers: 8, mean: 0.1, network: 0.9 })),
  steady("contention", (simulation, random) => new Contention(simulation, random, { sigma: 0.02, kappa: 0.0005 }), {
    unit: 2
  }),
  steady("bounded queue", workers({ ...exponential, queue: 32 })),
  steady("cap 32", (simulation, random) => new Capped(simulation, random, { cap: 32, service: services.exponential })),
  steady(
    "50 per second",
    (simulation, random) =>
      new Limited(simulation, random, { rate: 50, service: (random) => services.exponential(random) / 2 }),
    { unit: 0.5 }
  ),
  steady("failures 20 %", workers({ ...exponential, failures: 0.2 })),
  steady("overloads 5 %", workers({ ...exponential, overloads: 0.05 })),
  steady("timeouts", workers({ ...exponential, timeout: 4 })),
  steady(
    "LLM-like",
    (simulation, random) =>
      new Capped(simulation, random, { cap: 50, service: (random) => 5 * services.exponential(random) }),
    { unit: 5 }
  ),
  steady("spawn", workers(exponential), { source: sources.spawn }),
  steady("imapUnordered", workers(exponential), { source: sources.imapUnordered }),
  // Behind a slow head a small window makes little goodput: it takes longer from there.
  steady("imap", workers(exponential), { source: sources.imap, phases: [{ name: "imap", seconds: 2000 }] }),
  steady("arrivals 0.5", workers(exponential), { source: sources.arrivals(16) }),
  steady("arrivals 0.9", workers(exponential), { source: sources.arrivals(28.8) }),
  steady("arrivals 1.3", workers(exponential), { source: sources.arrivals(41.6) }),
  changing("workers 32, 8, 32", workers(exponential), [toWorkers(32), toWorkers(8), toWorkers(32)]),
  changing("workers 10, 100", workers({ ...exponential, workers: 10 }), [toWorkers(10), toWorkers(100)]),
  changing("service x2", workers(exponential), [
    { name: "1 s", seconds: 1000 },
    { name: "2 s", seconds: 2000, change: (backend) => (backend.mean = 2) }
  ]),
  changing("latency x10", workers({ ...exponential, mean: 0.5, network: 0.5 }), [
    { name: "1 s", seconds: 1000 },
    {
      name: "10 s",
      seconds: 10000,
      change: (backend) => {
        backend.mean = 5
        backend.network = 5
      }
    }
  ]),
  changing("timeouts and a loss", workers({ ...exponential, timeout: 4 }), [toWorkers(32), toWorkers(8)])
]

/** Several pools on one backend whose queue says nothing, with a target for the latency or without. */
export const shared = (pools: number, latencyTarget?: number): Entry =>
  steady(`${pools} pools${latencyTarget === undefined ? "" : " with a target"}`, workers(exponential), {
    pools,
    ...(latencyTarget === undefined ? undefined : { adaptive: { latencyTarget: latencyTarget * 1000 } })
  })
