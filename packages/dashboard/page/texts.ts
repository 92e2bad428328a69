// Every word of the page.

export const connection = {
  connecting: "Connecting",
  live: "Live",
  reconnecting: "Reconnecting",
  none: "No access"
} as const

export const head = {
  steering: "Steering on",
  readOnly: "Read-only",
  unlock: "Unlock steering",
  colours: "Colours",
  auto: "Auto",
  light: "Light",
  dark: "Dark",
  asOf: (time: string) => `Figures from ${time}`
} as const

export const problems = {
  lost: "The server doesn't answer. The page tries again by itself.",
  status: (status: number) => `The server answers with status ${status}. The page tries again by itself.`,
  several: "Several processes answer under this address. Open the page of one of them.",
  unknownPool: (name: string) => `There is no pool named “${name}” here.`,
  noPools: "There are no pools yet."
} as const

export const totals = {
  pools: "Pools",
  running: "Running",
  waiting: "In line",
  rate: "Jobs per second",
  failed: (span: string) => `Failed, ${span}`,
  rejected: (span: string) => `Turned away, ${span}`
} as const

export const columns = {
  pool: "Pool",
  state: "State",
  running: "Running / size",
  waiting: "In line",
  rate: "Jobs/s",
  failed: "Failed/s",
  wait: "Wait p95",
  run: "Run p95",
  past: (span: string) => `Last ${span}`
} as const

export const states = {
  idle: "Idle",
  running: "Running",
  queueing: "Queueing",
  paused: "Paused",
  shrinking: "Shrinking",
  closed: "Closed"
} as const

export const pools = "Pools"

export const detail = {
  totals: (started: string, succeeded: string, failed: string, interrupted: string, rejected: string) =>
    `${started} started · ${succeeded} succeeded · ${failed} failed · ${interrupted} interrupted · ${rejected} turned away`,
  slots: (running: string, size: string, waiting: string) =>
    `${running} of ${size} slots are taken, ${waiting} in line.`,
  borrowed: (borrowed: string) => `${borrowed} lent out`,
  runningOf: "running of",
  inLine: "in line",
  ended: (error: string) => `The figures of this pool have ended: ${error}`,
  closed: "This pool has closed. Its last figures are shown.",
  loading: "Loading the figures…"
} as const

export const adaptive = {
  phase: "Adaptive size",
  phases: { starting: "Starting", steady: "Steady", paused: "Paused by the backend", resting: "Resting" },
  goodput: "Goodput",
  perSecond: (rate: string) => `${rate} per second`,
  latency: "Time in the slot",
  elasticity: "Elasticity",
  ceiling: "Ceiling",
  noCeiling: "None met",
  cuts: "Cuts"
} as const

export const steer = {
  size: "Size",
  less: "One less",
  more: "One more",
  resize: "Resize",
  pause: "Pause",
  resume: (size: string) => `Resume with ${size}`,
  done: (size: string) => `The size is now ${size}.`,
  unanswered: "The server didn't answer. It isn't known whether the size has changed."
} as const

export const keys = {
  heading: "Keys",
  inUse: (count: string) => `${count} in use`,
  busiest: (shown: string, count: string) => `the ${shown} busiest of ${count} in use`,
  table: (pool: string) => `Keys of ${pool}`,
  key: "Key",
  weight: "Weight",
  running: "Running",
  waiting: "In line",
  share: "Share of slots, and by weight",
  none: "(no key)"
} as const

export const plots = {
  now: "now",
  atMost: (label: string, now: string, most: string) => `${label} ${now}, at most ${most}`,
  slots: "Slots",
  jobs: "jobs",
  size: "Size",
  running: "Running",
  borrowed: "Borrowed",
  waiting: "In line",
  callers: "callers",
  ended: "Ended",
  perSecond: "per second",
  succeeded: "Succeeded",
  failed: "Failed",
  interrupted: "Interrupted",
  rejected: "Turned away",
  waits: "Time in line",
  runs: "Run time",
  window: "last 10 s",
  unmeasured: "Waits and run times are measured for pools made with the option",
  option: "metrics: true"
} as const

export const table = {
  summary: "As a table",
  caption: (pool: string) => `Figures of ${pool}, newest first`,
  time: "Time",
  wait: (quantile: string) => `Wait ${quantile}`,
  run: (quantile: string) => `Run ${quantile}`,
  rate: (label: string) => `${label}/s`
} as const

export const units = { ms: "ms", s: "s", min: "min", least: "<1 ms", none: "–" } as const
