// The state of a pool: a word and a shape.
import type { State as Name } from "./model.ts"
import { states } from "./texts.ts"

const shapes: Readonly<Record<Name, string>> = {
  idle: "M4 1a3 3 0 1 0 0 6a3 3 0 1 0 0-6",
  running: "M4 1a3 3 0 1 0 0 6a3 3 0 1 0 0-6",
  queueing: "M1 1h6v6h-6z",
  paused: "M1.5 1v6M6.5 1v6",
  shrinking: "M1 2.5L4 6L7 2.5",
  closed: "M1.5 1.5L6.5 6.5M6.5 1.5L1.5 6.5"
}

export const State = ({ state }: { readonly state: Name }) => (
  <span class={`state ${state}`}>
    <svg viewBox="0 0 8 8" aria-hidden="true">
      <path d={shapes[state]} />
    </svg>
    {states[state]}
  </span>
)
