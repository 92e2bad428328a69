/**
 * A doubly linked list whose links live in its nodes: adding and removing are O(1) at any position, and a list of any
 * length costs nothing in addition to its nodes.
 */

/** A member of a `LinkedList`. Outside of a list it points at itself, so leaving twice does no harm. */
export class Node {
  prev: Node = this
  next: Node = this

  leave(): void {
    this.prev.next = this.next
    this.next.prev = this.prev
    this.prev = this
    this.next = this
  }
}

/** First in, first out. A node is in at most one list at a time. */
export class LinkedList<T extends Node> {
  // Both ends: its `next` is the first node, its `prev` the last.
  private readonly ends = new Node()

  get isEmpty(): boolean {
    return this.ends.next === this.ends
  }

  get first(): T | undefined {
    return this.isEmpty ? undefined : this.ends.next as T
  }

  push(node: T): void {
    this.insert(node, this.ends)
  }

  /** Puts `node` before the first one that `isAfter` holds for. */
  pushBefore(node: T, isAfter: (other: T) => boolean): void {
    let next = this.ends.next
    while (next !== this.ends && !isAfter(next as T)) next = next.next
    this.insert(node, next)
  }

  shift(): T | undefined {
    const first = this.first
    first?.leave()
    return first
  }

  /** Moves all nodes of `other` to the end of this list, in order. */
  append(other: LinkedList<T>): void {
    if (other.isEmpty) return
    const ends = other.ends
    this.ends.prev.next = ends.next
    ends.next.prev = this.ends.prev
    ends.prev.next = this.ends
    this.ends.prev = ends.prev
    ends.prev = ends
    ends.next = ends
  }

  /**
   * Moves all nodes of `other` into this list. Both are in the order of `isBefore`, and so is this one afterwards. Takes
   * time in proportion to their overlap: none if all of `other` comes later.
   */
  merge(other: LinkedList<T>, isBefore: (one: T, another: T) => boolean): void {
    let { first } = other
    if (first === undefined) return
    let next: Node = this.ends
    while (next.prev !== this.ends && isBefore(first, next.prev as T)) next = next.prev
    while (next !== this.ends && first !== undefined) {
      if (isBefore(first, next as T)) {
        first.leave()
        this.insert(first, next)
        first = other.first
      } else {
        next = next.next
      }
    }
    this.append(other)
  }

  toArray(): Array<T> {
    const out: Array<T> = []
    for (let node = this.ends.next; node !== this.ends; node = node.next) out.push(node as T)
    return out
  }

  private insert(node: T, next: Node): void {
    node.prev = next.prev
    node.next = next
    next.prev.next = node
    next.prev = node
  }
}
