import { describe, expect, it } from "@effect/vitest"
import { LinkedList, Node } from "../src/internal/linked-list.ts"

class Named extends Node {
  readonly name: string

  constructor(name: string) {
    super()
    this.name = name
  }
}

const listOf = (...names: ReadonlyArray<string>) => {
  const list = new LinkedList<Named>()
  const nodes = names.map((name) => new Named(name))
  for (const node of nodes) list.push(node)
  return { list, nodes }
}

const names = (list: LinkedList<Named>) => list.toArray().map((node) => node.name)

describe("a list", () => {
  it("is empty at first", () => {
    const list = new LinkedList<Named>()
    expect(list.isEmpty).toBe(true)
    expect(list.first).toBeUndefined()
    expect(list.shift()).toBeUndefined()
    expect(list.toArray()).toEqual([])
  })

  it("gives back first what came first", () => {
    const { list } = listOf("a", "b", "c")
    expect(list.first?.name).toBe("a")
    expect([list.shift()?.name, list.shift()?.name, list.shift()?.name, list.shift()]).toEqual([
      "a",
      "b",
      "c",
      undefined
    ])
    expect(list.isEmpty).toBe(true)
  })

  it.each([0, 1, 2])(
    "lets the one at position %i leave, and keeps the order of the others",
    (position) => {
      const { list, nodes } = listOf("a", "b", "c")
      nodes[position]?.leave()
      expect(names(list)).toEqual(["a", "b", "c"].filter((_, i) => i !== position))
      list.push(new Named("d"))
      expect(names(list).at(-1)).toBe("d")
    }
  )

  it("is not harmed by one who leaves twice, or was never in it", () => {
    const { list, nodes } = listOf("a", "b")
    nodes[0]?.leave()
    nodes[0]?.leave()
    new Named("x").leave()
    expect(names(list)).toEqual(["b"])
  })

  it("takes one back who has left, at the end", () => {
    const { list, nodes: [a] } = listOf("a", "b")
    if (a === undefined) throw new Error("no node")
    a.leave()
    list.push(a)
    expect(names(list)).toEqual(["b", "a"])
  })

  it("takes one in before the first that comes after it", () => {
    const { list } = listOf("a", "c", "e")
    const insert = (name: string) => list.pushBefore(new Named(name), (other) => other.name > name)
    for (const name of ["d", "b", "f", "0"]) insert(name)
    expect(names(list)).toEqual(["0", "a", "b", "c", "d", "e", "f"])
  })
})
