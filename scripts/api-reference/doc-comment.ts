import type { Node } from "typescript/unstable/ast"
import type { Doc } from "./model.ts"

/** The doc comment that stands right before a node. */
export const commentOf = (node: Node): string | undefined => {
  const { text } = node.getSourceFile()
  return text.slice(node.pos, node.getStart()).match(/\/\*\*[^]*?\*\//g)?.at(-1)
}

/** What the doc comment of a node says; an error when it says nothing. */
export const docOf = (node: Node | undefined, name: string): Doc => {
  const comment = node === undefined ? undefined : commentOf(node)
  if (comment === undefined) throw new Error(`${name} has no doc comment`)
  const lines = comment.slice(3, -2).split("\n").map((line) => line.replace(/^\s*\* ?/, "").trimEnd())
  const tags = lines.flatMap((line) => {
    const [, tag, value = ""] = /^@(\w+) ?(.*)$/.exec(line) ?? []
    return tag === undefined ? [] : [[tag, value] as const]
  })
  return { text: lines.filter((line) => !/^@\w/.test(line)).join("\n").trim(), tags: new Map(tags) }
}
