/** Times in the slot: the median of the last 5 legs (3 are enough at first), and the lowest such median of the last 300. */
export class Latencies {
  private readonly last: Array<number> = []
  private count = 0
  /** Medians that may be the lowest one day, in order of time, each lower than those after it. */
  private readonly lowest: Array<readonly [leg: number, median: number]> = []
  private static readonly memory = 300

  add(latency: number): void {
    const { last, lowest } = this
    if (last.push(latency) > 5) last.shift()
    this.count++
    if (last.length < 3) return
    const median = this.median
    while (lowest.length > 0 && lowest.at(-1)![1] >= median) lowest.pop()
    lowest.push([this.count, median])
    if (lowest[0]![0] <= this.count - Latencies.memory) lowest.shift()
  }

  get median(): number {
    return this.last.toSorted((a, b) => a - b)[this.last.length >> 1] ?? 0
  }

  /** The median over the lowest one, or over the target where there is one. */
  strain(target: number): number {
    if (target !== Infinity) return this.median / target
    return this.lowest.length === 0 ? 1 : this.median / this.lowest[0]![1]
  }
}
