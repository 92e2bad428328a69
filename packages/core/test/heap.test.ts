import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Heap, type HeapNode } from "../src/internal/heap.ts"

class Member implements HeapNode {
  index = -1
  value: number

  constructor(value: number) {
    this.value = value
  }
}

/** What is done to a heap: `which` says to which of its members. */
const operations = fc.array(
  fc.record({
    op: fc.constantFrom("push", "push", "push", "shift", "remove", "remove again", "move"),
    which: fc.nat(),
    value: fc.integer({ min: -5, max: 20 })
  }),
  { maxLength: 200, size: "max" }
)

const pick = <A>(from: ReadonlyArray<A>, which: number): A | undefined => from[which % from.length]

describe("a heap", () => {
  it("has first what a sorted array has first, whatever joins, leaves and moves", () => {
    fc.assert(
      fc.property(operations, (operations) => {
        const heap = new Heap<Member>((a, b) => a.value < b.value)
        const members: Array<Member> = []
        const gone: Array<Member> = []
        const remove = (member: Member | undefined) => {
          if (member === undefined) return
          heap.remove(member)
          expect(member.index).toBe(-1)
          gone.push(...members.splice(members.indexOf(member), 1))
        }
        for (const { op, value, which } of operations) {
          const member = pick(members, which)
          if (op === "push") {
            const added = new Member(value)
            members.push(added)
            heap.push(added)
          }
          if (op === "shift") remove(heap.first)
          if (op === "remove") remove(member)
          if (op === "remove again" && gone.length > 0) {
            const left = pick(gone, which)!
            heap.remove(left)
            heap.moved(left)
          }
          if (op === "move" && member !== undefined) {
            member.value = value
            heap.moved(member)
          }
          members.sort((a, b) => a.value - b.value)
          expect(heap.first?.value).toBe(members[0]?.value)
          expect(heap.first?.index).toBe(members.length === 0 ? undefined : 0)
          expect(members.map(({ index }) => index).sort((a, b) => a - b)).toEqual(members.map((_, index) => index))
        }
        while (members.length > 0) {
          expect(heap.first?.value).toBe(members[0]!.value)
          remove(heap.first)
          members.sort((a, b) => a.value - b.value)
        }
        expect(heap.first).toBeUndefined()
      }),
      { seed: 1, numRuns: 100 }
    )
  })

  it("takes a few comparisons for each step, however many it has", () => {
    let comparisons = 0
    const heap = new Heap<Member>((a, b) => {
      comparisons++
      return a.value < b.value
    })
    const count = 2 ** 14
    // each a new first one: the way up is the longest
    const members = Array.from({ length: count }, (_, index) => new Member(-index))
    for (const member of members) heap.push(member)
    for (const member of members) heap.remove(member)
    expect(comparisons).toBeLessThan(count * 14 * 3)
    expect(heap.first).toBeUndefined()
  })
})
