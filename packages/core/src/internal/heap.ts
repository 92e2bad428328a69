/**
 * A binary heap whose members know their position in it, so that any of them can leave or move in O(log n).
 */

/** A member of at most one `Heap` at a time. */
export interface HeapNode {
  /** Its position in the heap; -1 outside. Set by the heap. */
  index: number
}

export class Heap<T extends HeapNode> {
  private readonly members: Array<T> = []
  private readonly isBefore: (a: T, b: T) => boolean

  constructor(isBefore: (a: T, b: T) => boolean) {
    this.isBefore = isBefore
  }

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

  push(member: T): void {
    this.put(member, this.members.length)
    this.rise(member)
  }

  /** Removes a member; does nothing with one that is outside, or in another heap. */
  remove(member: T): void {
    if (this.members[member.index] !== member) return
    const last = this.members.pop() as T
    if (last !== member) {
      this.put(last, member.index)
      this.moved(last)
    }
    member.index = -1
  }

  /** Restores the order after that of a member has changed; does nothing with one in no heap. */
  moved(member: T): void {
    this.rise(member)
    this.sink(member)
  }

  private put(member: T, index: number): void {
    this.members[index] = member
    member.index = index
  }

  private rise(member: T): void {
    while (member.index > 0) {
      const above = this.members[(member.index - 1) >> 1] as T
      if (!this.isBefore(member, above)) return
      this.swap(above, member)
    }
  }

  private sink(member: T): void {
    for (;;) {
      const left = this.members[2 * member.index + 1]
      if (left === undefined) return
      const right = this.members[2 * member.index + 2]
      const below = right !== undefined && this.isBefore(right, left) ? right : left
      if (!this.isBefore(below, member)) return
      this.swap(member, below)
    }
  }

  /** Exchanges a member with the one below it. */
  private swap(above: T, below: T): void {
    const { index } = above
    this.put(above, below.index)
    this.put(below, index)
  }
}
