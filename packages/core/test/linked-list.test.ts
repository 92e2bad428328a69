import { expect, it } from "@effect/vitest"
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

it("a list is empty at first, and gives back first what came first", () => {
  for (const given of [[], ["a", "b", "c"]]) {
    const { list } = listOf(...given)
    expect([list.isEmpty, list.first?.name, names(list)]).toEqual([given.length === 0, given[0], given])
    for (const name of [...given, undefined]) expect(list.shift()?.name).toBe(name)
    expect(list.isEmpty).toBe(true)
  }
})

it.each([0, 1, 2])("a list lets the one at position %i leave, once, and takes it back at the end", (position) => {
  const { list, nodes } = listOf("a", "b", "c")
  const node = nodes[position] ?? new Named("")
  const others = ["a", "b", "c"].filter((_, i) => i !== position)
  node.leave()
  node.leave()
  new Named("outside").leave()
  expect(names(list)).toEqual(others)
  list.push(node)
  expect(names(list)).toEqual([...others, node.name])
})

it("a list takes one in before the first that comes after it", () => {
  const { list } = listOf("a", "c", "e")
  for (const name of ["d", "b", "f", "0"]) list.pushBefore(new Named(name), (other) => other.name > name)
  expect(names(list)).toEqual(["0", "a", "b", "c", "d", "e", "f"])
})
