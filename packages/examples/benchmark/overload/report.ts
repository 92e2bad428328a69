import { type Bound, CAPACITY } from "../../src/overload/server.ts"
import type { Outcome } from "./bounds.ts"
import type { Share } from "./tenants.ts"

/** A line of a table in plain text: the first column to the left, the others to the right. */
const line = (widths: ReadonlyArray<number>) => (cells: ReadonlyArray<string>): string =>
  widths.map((width, column) => {
    const cell = cells[column] ?? ""
    return column === 0 ? cell.padEnd(width) : cell.padStart(width)
  }).join("  ")

const perSecond = (value: number) => `${value.toFixed(0)}/s`
const percent = (part: number) => `${(part * 100).toFixed(0)} %`
const milliseconds = (value: number) => `${value.toFixed(0)} ms`

const outcomeLine = line([25, 7, 16, 11, 7, 12])

/** The columns of what bounds made of a load. */
export const outcomeHead = outcomeLine([
  "bound",
  "offered",
  "answered in time",
  "of capacity",
  "p99",
  "answered 503"
])

const titles: Readonly<Record<Bound, string>> = {
  none: "none",
  maxWaiting: "maxWaiting (twice size)",
  maxWait: "maxWait (500 ms)"
}

/** What a bound made of a load, in a line. */
export const outcomeRow = (bound: Bound, { goodput, offered, p99, refused }: Outcome): string =>
  outcomeLine([
    titles[bound],
    perSecond(offered),
    perSecond(goodput),
    percent(goodput / CAPACITY),
    milliseconds(p99),
    perSecond(refused)
  ])

const shareLine = line([25, 10, 8, 10])

/** The columns of what tenants got. */
export const shareHead = shareLine(["tenant", "slot time", "served", "p99 wait"])

/** What a tenant got, in a line. */
export const shareRow = (keys: boolean, { p99, served, share, tenant }: Share): string =>
  shareLine([
    keys ? `${tenant}, with keys` : tenant,
    percent(share),
    perSecond(served),
    milliseconds(p99)
  ])
