import { describe, expect, it } from "@effect/vitest"
import { LinkedList, Node } from "../src/internal/linked-list.ts"

class Named extends Node {
  readonly name: string

  constructor(name: string) {
    super()
    this.name = name
  }
}

const lineOf = (...names: ReadonlyArray<string>) => {
  const line = new LinkedList<Named>()
  const places = names.map((name) => new Named(name))
  for (const place of places) line.push(place)
  return { line, places }
}

const names = (line: LinkedList<Named>) => line.toArray().map((place) => place.name)

describe("a line", () => {
  it("is empty at first (semantic 2)", () => {
    const line = new LinkedList<Named>()
    expect(line.isEmpty).toBe(true)
    expect(line.first).toBeUndefined()
    expect(line.shift()).toBeUndefined()
    expect(line.toArray()).toEqual([])
  })

  it("gives back first what came first (semantic 2)", () => {
    const { line } = lineOf("a", "b", "c")
    expect(line.first?.name).toBe("a")
    expect([line.shift()?.name, line.shift()?.name, line.shift()?.name, line.shift()]).toEqual([
      "a",
      "b",
      "c",
      undefined
    ])
    expect(line.isEmpty).toBe(true)
  })

  it.each([0, 1, 2])(
    "lets the one at position %i leave, and keeps the order of the others (semantic 4, T7)",
    (position) => {
      const { line, places } = lineOf("a", "b", "c")
      places[position]?.leave()
      expect(names(line)).toEqual(["a", "b", "c"].filter((_, i) => i !== position))
      line.push(new Named("d"))
      expect(names(line).at(-1)).toBe("d")
    }
  )

  it("is not harmed by one who leaves twice, or was never in it (semantic 7)", () => {
    const { line, places } = lineOf("a", "b")
    places[0]?.leave()
    places[0]?.leave()
    new Named("x").leave()
    expect(names(line)).toEqual(["b"])
  })

  it("takes one back who has left, at the end (semantic 2)", () => {
    const { line, places: [a] } = lineOf("a", "b")
    if (a === undefined) throw new Error("no place")
    a.leave()
    line.push(a)
    expect(names(line)).toEqual(["b", "a"])
  })

  it("takes one in before the first that comes after it (semantic 19)", () => {
    const { line } = lineOf("a", "c", "e")
    const insert = (name: string) => line.pushBefore(new Named(name), (other) => other.name > name)
    for (const name of ["d", "b", "f", "0"]) insert(name)
    expect(names(line)).toEqual(["0", "a", "b", "c", "d", "e", "f"])
  })

  it("takes in all of another line, in order, which is empty then (semantic 10)", () => {
    const { line: first } = lineOf("a", "b")
    const { line: second } = lineOf("c", "d")
    first.append(second)
    expect(names(first)).toEqual(["a", "b", "c", "d"])
    expect(second.isEmpty).toBe(true)
    second.push(new Named("e"))
    expect(names(second)).toEqual(["e"])
    expect(names(first)).toEqual(["a", "b", "c", "d"])
    first.first?.leave()
    expect(first.toArray().at(-1)?.next).not.toBe(first.toArray().at(-1))
    expect(names(first)).toEqual(["b", "c", "d"])
  })

  it("takes in an empty line, and can be empty when it takes one in (semantic 10)", () => {
    const { line: full } = lineOf("a")
    full.append(new LinkedList())
    expect(names(full)).toEqual(["a"])
    const empty = new LinkedList<Named>()
    empty.append(full)
    expect(names(empty)).toEqual(["a"])
    expect(full.isEmpty).toBe(true)
    expect(empty.shift()?.name).toBe("a")
    expect(empty.isEmpty).toBe(true)
  })

  it.each([
    ["before all", "cde", "ab"],
    ["behind all", "abc", "de"],
    ["between", "ae", "bcd"],
    ["on both sides", "bd", "ace"],
    ["in turn, and first", "bdf", "aceg"],
    ["in turn, and last", "ace", "bdf"],
    ["into none", "", "abc"],
    ["nobody", "abc", ""],
    ["nobody into none", "", ""]
  ])("takes in another line in the order of both: %s (semantic 10)", (_, one, another) => {
    const { line } = lineOf(...one)
    const { line: other } = lineOf(...another)
    line.merge(other, (first, second) => first.name < second.name)
    const sorted = [...one + another].sort()
    expect(names(line)).toEqual(sorted)
    expect(other.isEmpty).toBe(true)
    const backwards: Array<string> = []
    for (let place = line.first?.prev.prev; place !== line.first?.prev; place = place?.prev) {
      backwards.push((place as Named).name)
    }
    expect(backwards).toEqual(sorted.toReversed())
  })
})
