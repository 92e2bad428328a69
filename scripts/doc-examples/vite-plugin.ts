import { join, relative } from "node:path"
import { parseSync, type Plugin, Visitor } from "vite"
import { type Fence, isMarked, readFences, root } from "./fences.ts"

const moduleId = /^(.+)\?example=(\d+)&lang\.ts$/

/** The module made of a fence: importing it runs the example. */
export const moduleOf = (fence: Fence): string => `${join(root, fence.file)}?example=${fence.line}&lang.ts`

/** Serves the modules of {@link moduleOf}. */
export const docExamples = (): Plugin => ({
  name: "doc-examples",
  enforce: "pre",
  resolveId: (id) => moduleId.test(id) ? id : undefined,
  load(id) {
    const [, path, line] = moduleId.exec(id) ?? []
    if (path === undefined) {
      return undefined
    }
    this.addWatchFile(path)
    const fence = readFences(relative(root, path)).find((fence) => fence.line === Number(line))
    return fence && { code: withAssertions(fence), map: null }
  }
})

/**
 * The code of a fence in which `expression // => value` asserts that the expression deep-equals the value, and that it
 * was evaluated at all; likewise `const name = expression // => value`. An expression is awaited where `await` is
 * allowed. Every line keeps its number.
 */
const withAssertions = (fence: Fence): string => {
  const fail = (line: number, message: string) => new Error(`${fence.file}:${line}: ${message}`)
  if (!isMarked(fence)) {
    throw fail(fence.line, "code that nobody runs: open the fence with ```ts import.meta.vitest")
  }
  const { code } = fence
  const { comments, errors, program } = parseSync(`${fence.file}.ts`, code)
  if (errors[0] !== undefined) {
    throw fail(fence.line, errors[0].message)
  }
  const lineAt = (offset: number) => code.slice(0, offset).split("\n").length
  const claims = comments.filter((comment) => /^ *=>/.test(comment.value))
  const asserted = new Set<number>()
  const insertions: Array<{ readonly offset: number; readonly text: string }> = []
  const insert = (offset: number, text: string) => void insertions.push({ offset, text })

  /** Gives what to write before and after the subject of the claim that follows `end`, if there is one. */
  const assertAfter = (end: number, place: (before: string, after: string) => void) => {
    const claim = claims.find(({ start }) => start >= end && /^[\s;]*$/.test(code.slice(end, start)))
    if (claim !== undefined) {
      const line = lineAt(claim.start)
      asserted.add(line)
      place(`unreached$.delete(${line}), expect$(`, `).toEqual((${claim.value.replace(/^ *=>/, "")}))`)
    }
  }

  const isAsync = [true] // the top level, then each function around the visited node
  const enter = (node: { readonly async: boolean }) => void isAsync.push(node.async)
  const exit = () => void isAsync.pop()
  new Visitor({
    ArrowFunctionExpression: enter,
    "ArrowFunctionExpression:exit": exit,
    FunctionDeclaration: enter,
    "FunctionDeclaration:exit": exit,
    FunctionExpression: enter,
    "FunctionExpression:exit": exit,
    ExpressionStatement: ({ expression: { end, start } }) =>
      assertAfter(end, (before, after) => {
        insert(start, `${before}${isAsync.at(-1) === true ? "await (" : "("}`)
        insert(end, `)${after}`)
      }),
    VariableDeclaration: ({ declarations, end }) =>
      assertAfter(end, (before, after) => {
        const names = declarations.map(({ id }) => code.slice(id.start, id.typeAnnotation?.start ?? id.end))
        insert(end, `; ${before}${names.at(-1)}${after}`)
      })
  }).visit(program)

  const stray = claims.map(({ start }) => lineAt(start)).find((line) => !asserted.has(line))
  if (stray !== undefined) {
    throw fail(stray, "`// =>` follows neither an expression nor a declaration")
  }
  const body = insertions.toSorted((a, b) => b.offset - a.offset)
    .reduce((text, { offset, text: inserted }) => text.slice(0, offset) + inserted + text.slice(offset), code)
  return `import { expect as expect$ } from "vitest"; const unreached$ = new Set(${JSON.stringify([...asserted])});` +
    `${body}\nexpect$([...unreached$], "lines that never ran").toEqual([])`
}
