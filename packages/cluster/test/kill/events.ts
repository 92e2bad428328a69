/** What processes have written down, and what can be said about it. Times are seconds of CLOCK_MONOTONIC. */

export interface Event {
  readonly time: number
  readonly process: string
  readonly what: string
  readonly words: ReadonlyArray<string>
}

/** From when to when a process was not there, or frozen: what it has running then does not count. */
export interface Absence {
  readonly process: string
  readonly from: number
  readonly to: number
}

export const now = (): number => Number(process.hrtime.bigint()) / 1e9

/** The events of a process's log. A last line that was cut off is none. */
export const parse = (process: string, log: string): ReadonlyArray<Event> =>
  log.split("\n").slice(0, -1).map((line) => {
    const [time, what, ...words] = line.split(" ")
    return { time: Number(time) / 1e9, process, what: what!, words }
  })

/** How many jobs run at the same time, after each change. */
export const running = (
  events: ReadonlyArray<Event>,
  absences: ReadonlyArray<Absence>
): ReadonlyArray<{ readonly time: number; readonly count: number }> => {
  const changes: Array<{ readonly time: number; readonly by: 1 | -1 }> = []
  const open = new Map<string, number>()
  const add = (process: string, from: number, to: number) => {
    // What runs while its process is absent runs before and after.
    let start = from
    for (const absence of absences) {
      if (absence.process !== process || absence.from >= to || absence.to <= start) continue
      if (absence.from > start) changes.push({ time: start, by: 1 }, { time: absence.from, by: -1 })
      start = absence.to
    }
    if (start < to) changes.push({ time: start, by: 1 }, { time: to, by: -1 })
  }
  for (const { process, time, what, words } of events) {
    const id = `${process} ${words[0]}`
    if (what === "start") open.set(id, time)
    if (what === "end" || what === "interrupted") {
      add(process, open.get(id)!, time)
      open.delete(id)
    }
  }
  for (const [id, time] of open) add(id.split(" ")[0]!, time, Infinity)
  // At the same time, what ends comes first.
  const sorted = changes.toSorted((a, b) => a.time - b.time || a.by - b.by)
  let count = 0
  return sorted.map(({ by, time }) => ({ time, count: count += by }))
}

/** The longest time between two starts from a time on, in seconds. */
export const longestStop = (events: ReadonlyArray<Event>, from: number, to: number): number => {
  const starts = events.filter(({ time, what }) => what === "start" && time > from && time < to).map(({ time }) => time)
  return Math.max(...[...starts, to].map((time, index) => time - (starts[index - 1] ?? from)))
}
