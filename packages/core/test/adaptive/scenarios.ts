/**
 * The scenarios of the test bed.
 */
import { capped, contention, limited, services, type Workers, workers, type WorkersOptions } from "./backends.ts"
import type { Phase, Scenario } from "./bed.ts"
import { sources } from "./sources.ts"

export interface Entry {
  // Each scenario has a backend of its own kind.
  readonly scenario: Scenario<any>
  /** A mean time in the slot at the best size, roughly: the unit of time. */
  readonly unit: number
  /** Whether the size must not swing: the backend stays what it is. */
  readonly isSteady: boolean
}

type Options = Partial<Scenario> & { readonly unit?: number }

/** 300 fibers that run jobs on a backend, which stays what it is for 1000 units of time. */
const steady = (name: string, backend: Scenario<any>["backend"], { unit = 1, ...scenario }: Options = {}): Entry => ({
  unit,
  isSteady: true,
  scenario: { name, backend, source: sources.run(300), phases: [{ name, seconds: 1000 * unit }], ...scenario }
})

const changing = (name: string, options: WorkersOptions, phases: ReadonlyArray<Phase<Workers>>): Entry => ({
  unit: 1,
  isSteady: false,
  scenario: { name, backend: workers(options), source: sources.run(300), phases }
})

const exponential: WorkersOptions = { workers: 32, service: services.exponential }

const toWorkers = (workers: number): Phase<Workers> => ({
  name: `${workers} workers`,
  seconds: 1000,
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
  steady("contention", contention(0.02, 0.0005), { unit: 2 }),
  steady("bounded queue", workers({ ...exponential, queue: 32 })),
  steady("cap 32", capped(32, services.exponential)),
  steady("50 per second", limited(50, (random) => services.exponential(random) / 2), { unit: 0.5 }),
  steady("failures 20 %", workers({ ...exponential, failures: 0.2 })),
  steady("overloads 5 %", workers({ ...exponential, overloads: 0.05 })),
  steady("timeouts", workers({ ...exponential, timeout: 4 })),
  steady("LLM-like", capped(50, (random) => 5 * services.exponential(random)), { unit: 5 }),
  steady("spawn", workers(exponential), { source: sources.spawn }),
  steady("imapUnordered", workers(exponential), { source: sources.imapUnordered }),
  // Behind a slow head a small window makes little goodput: it takes longer from there.
  steady("imap", workers(exponential), { source: sources.imap, phases: [{ name: "imap", seconds: 2000 }] }),
  steady("arrivals 0.5", workers(exponential), { source: sources.arrivals(16) }),
  steady("arrivals 0.9", workers(exponential), { source: sources.arrivals(28.8) }),
  steady("arrivals 1.3", workers(exponential), { source: sources.arrivals(41.6) }),
  changing("workers 32, 8, 32", exponential, [toWorkers(32), toWorkers(8), toWorkers(32)]),
  changing("workers 10, 100", { ...exponential, workers: 10 }, [toWorkers(10), toWorkers(100)]),
  changing("service x2", exponential, [
    { name: "1 s", seconds: 1000 },
    { name: "2 s", seconds: 2000, change: (backend) => (backend.mean = 2) }
  ]),
  changing("latency x10", { ...exponential, mean: 0.5, network: 0.5 }, [
    { name: "1 s", seconds: 1000 },
    { name: "10 s", seconds: 10_000, change: (backend) => (backend.mean = backend.network = 5) }
  ]),
  changing("timeouts and a loss", { ...exponential, timeout: 4 }, [toWorkers(32), toWorkers(8)])
]

/** Several pools on one backend whose queue says nothing, with a target for the latency or without. */
export const shared = (pools: number, latencyTarget?: number): Entry =>
  steady(`${pools} pools${latencyTarget === undefined ? "" : " with a target"}`, workers(exponential), {
    pools,
    ...(latencyTarget === undefined ? undefined : { adaptive: { latencyTarget: latencyTarget * 1000 } })
  })
