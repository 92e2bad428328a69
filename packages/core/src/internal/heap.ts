/**
 * A binary heap whose members know their position in it, so that any of them can leave or move in O(log n).
 *
 * What orders the members lies in arrays of numbers: those of a hundred thousand members fit into a processor's cache,
 * the members don't.
 */

/** A member of at most one `Heap` at a time. */
export interface HeapNode {
  /** Its position in the heap; -1 outside. Set by the heap. */
  index: number
}

/** The member of the lowest rank is first; among equal ranks, that of the lowest number. */
export class Heap<T extends HeapNode> {
  private readonly members: Array<T> = []
  private readonly ranks: Array<number> = []
  private readonly numbers: Array<number> = []

  get first(): T | undefined {
    return this.members[0]
  }

  get size(): number {
    return this.members.length
  }

  /** The members, in no particular order. */
  toArray(): Array<T> {
    return [...this.members]
  }

  push(member: T, rank: number, number = 0): void {
    this.rise(this.members.length, member, rank, number)
  }

  /** Removes a member of this heap; does nothing with one that is in none. */
  remove(member: T): void {
    const { index } = member
    if (index === -1) return
    member.index = -1
    const last = this.members.pop() as T
    const rank = this.ranks.pop() as number
    const number = this.numbers.pop() as number
    if (last !== member) this.place(index, last, rank, number)
  }

  /** Gives a member another rank and number; does nothing with one that is in no heap. */
  move(member: T, rank: number, number = 0): void {
    if (member.index !== -1) this.place(member.index, member, rank, number)
  }

  /** Puts a member where it belongs, above or below a vacant position if not there. */
  private place(index: number, member: T, rank: number, number: number): void {
    if (index > 0 && !this.isBefore((index - 1) >> 1, rank, number)) this.rise(index, member, rank, number)
    else this.sink(index, member, rank, number)
  }

  private rise(index: number, member: T, rank: number, number: number): void {
    while (index > 0) {
      const above = (index - 1) >> 1
      if (this.isBefore(above, rank, number)) break
      this.copy(above, index)
      index = above
    }
    this.put(index, member, rank, number)
  }

  private sink(index: number, member: T, rank: number, number: number): void {
    const { length } = this.members
    for (;;) {
      const left = 2 * index + 1
      const right = left + 1
      if (left >= length) break
      const below = right < length && this.isBefore(right, this.ranks[left] as number, this.numbers[left] as number)
        ? right
        : left
      if (!this.isBefore(below, rank, number)) break
      this.copy(below, index)
      index = below
    }
    this.put(index, member, rank, number)
  }

  /** Whether the member at `index` is before one of that rank and number. */
  private isBefore(index: number, rank: number, number: number): boolean {
    const its = this.ranks[index] as number
    return its < rank || (its === rank && (this.numbers[index] as number) < number)
  }

  private copy(from: number, to: number): void {
    this.put(to, this.members[from] as T, this.ranks[from] as number, this.numbers[from] as number)
  }

  private put(index: number, member: T, rank: number, number: number): void {
    this.members[index] = member
    this.ranks[index] = rank
    this.numbers[index] = number
    member.index = index
  }
}
