import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Heap, type HeapNode } from "../src/internal/heap.ts"

interface Member extends HeapNode {
  rank: number
  number: number
}

const inOrder = (a: Member, b: Member) => a.rank - b.rank || a.number - b.number

/** What is done to a heap: `which` says to which of its members. */
const operations = fc.array(
  fc.record({
    op: fc.constantFrom("push", "push", "push", "shift", "remove", "remove again", "move"),
    which: fc.nat(),
    rank: fc.integer({ min: -5, max: 20 }),
    number: fc.integer()
  }),
  { maxLength: 200, size: "max" }
)

const pick = <A>(from: ReadonlyArray<A>, which: number): A | undefined => from[which % from.length]

describe("a heap", () => {
  it("has first what a sorted array has first, whatever joins, leaves and moves", () => {
    fc.assert(
      fc.property(operations, (operations) => {
        const heap = new Heap<Member>()
        const members: Array<Member> = []
        const gone: Array<Member> = []
        const remove = (member: Member | undefined) => {
          if (member === undefined) return
          heap.remove(member)
          expect(member.index).toBe(-1)
          gone.push(...members.splice(members.indexOf(member), 1))
        }
        for (const { number, op, rank, which } of operations) {
          const member = pick(members, which)
          if (op === "push") {
            const added = { index: -1, rank, number }
            members.push(added)
            heap.push(added, rank, number)
          }
          if (op === "shift") remove(heap.first)
          if (op === "remove") remove(member)
          if (op === "remove again" && gone.length > 0) {
            const left = pick(gone, which)!
            heap.remove(left)
            heap.move(left, rank, number)
          }
          if (op === "move" && member !== undefined) {
            Object.assign(member, { rank, number })
            heap.move(member, rank, number)
          }
          members.sort(inOrder)
          expect(heap.first).toBe(members[0])
          expect(heap.first?.index).toBe(members.length === 0 ? undefined : 0)
          expect(members.map(({ index }) => index).sort((a, b) => a - b)).toEqual(members.map((_, index) => index))
        }
        while (members.length > 0) {
          expect(heap.first).toBe(members[0])
          remove(heap.first)
          members.sort(inOrder)
        }
        expect(heap.first).toBeUndefined()
      }),
      { seed: 1, numRuns: 100 }
    )
  })

  it("moves a few members for each that joins or leaves, however many it has", () => {
    let moves = 0
    class Counting implements HeapNode {
      #index = -1
      get index() {
        return this.#index
      }
      set index(index) {
        moves++
        this.#index = index
      }
    }
    const heap = new Heap<Counting>()
    const count = 2 ** 14
    const members = Array.from({ length: count }, () => new Counting())
    // each a new first one: the way up is the longest
    for (const [index, member] of members.entries()) heap.push(member, -index)
    for (const member of members) heap.remove(member)
    expect(moves).toBeLessThan(count * 14 * 2)
    expect(heap.first).toBeUndefined()
  })
})
