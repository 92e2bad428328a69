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
