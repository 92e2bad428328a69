/**
 * The faults that a program can plant: in every statement, condition, operand and literal of a file of `src`.
 *
 * All mutants of a file are compiled into one source, in which each is switched on by its number.
 */
import { type ESTree, parseSync, Visitor } from "vite"

/** A piece of a file, by its first character and the one behind its last. */
interface Span {
  readonly start: number
  readonly end: number
}

export interface Mutant {
  /** The file, the declaration around it, and what becomes what: the same when other lines change. */
  readonly name: string
  /** The path in `src`. */
  readonly file: string
  readonly line: number
  /** Whether it removes a statement; all others change an expression. */
  readonly isStatement: boolean
  /** The statement or the expression, and what it becomes. */
  readonly span: Span
  readonly replace: string
}

/** What each operator becomes. That a comparison is right at all shows where its condition becomes true or false. */
const operators: Readonly<Record<string, string>> = {
  "<": "<=",
  "<=": "<",
  ">": ">=",
  ">=": ">",
  "+": "-",
  "-": "+",
  "*": "/",
  "/": "*",
  "%": "*",
  "++": "--",
  "--": "++",
  "+=": "-=",
  "-=": "+=",
  "??=": "="
}

/** Whether an argument can stand for the whole call. */
const isValue = ({ type }: ESTree.Argument): boolean =>
  type !== "ArrowFunctionExpression" && type !== "SpreadElement" && type !== "Literal"

/** The text in one line, without its middle if it is long. */
const oneLine = (text: string): string =>
  text.replaceAll(/\s+/g, " ").trim().replace(/^(.{120}).{40,}(.{40})$/, "$1 … $2")

/** The mutants of a file. Types have none: the compiler checks those. */
export const mutantsOf = (file: string, source: string): ReadonlyArray<Mutant> => {
  const mutants: Array<Mutant> = []
  /** What is left alone: types, and names of properties. */
  const skipped: Array<Span> = []
  /** Classes, members, functions and constants, from the outside in. */
  const declarations: Array<Span & { readonly name: string }> = []
  const times = new Map<string, number>()
  /** What runs after the modules have loaded: they hardly load with another schema. */
  const bodies: Array<Span> = []
  /** Calls whose results nobody uses. */
  const statements = new Set<ESTree.Expression>()
  const text = ({ end, start }: Span): string => source.slice(start, end)
  const isIn = (inner: Span, outer: Span): boolean => outer.start <= inner.start && inner.end <= outer.end

  const add = (span: Span, replace: string, isStatement = false): void => {
    if (skipped.some((outer) => isIn(span, outer))) return
    if (mutants.some((other) => isIn(span, other.span) && isIn(other.span, span) && other.replace === replace)) return
    const around = declarations.filter((outer) => isIn(span, outer)).map(({ name }) => name)
    const name = `${[file, ...new Set(around)].join(" ")}: ${oneLine(text(span))} becomes ${
      oneLine(replace) || "nothing"
    }`
    const time = (times.get(name) ?? 0) + 1
    times.set(name, time)
    mutants.push({
      name: time === 1 ? name : `${name} (${time})`,
      file,
      line: source.slice(0, span.start).split("\n").length,
      isStatement,
      span: { start: span.start, end: span.end },
      replace
    })
  }
  const remove = (statement: Span): void => add(statement, "", true)
  const condition = (test: Span): void => {
    add(test, "true")
    add(test, "false")
  }
  const operator = (whole: Span, left: Span, sign: string, right: Span): void => {
    const other = operators[sign]
    if (other === undefined) return
    const start = left.end + source.slice(left.end, right.start).indexOf(sign)
    add(whole, source.slice(whole.start, start) + other + source.slice(start + sign.length, whole.end))
  }
  const skip = (span: Span): void => void skipped.push({ start: span.start, end: span.end })
  const declare = (span: Span, name: Span): void =>
    void declarations.push({ start: span.start, end: span.end, name: text(name) })

  const { program } = parseSync(file, source)
  // These first: what is inside of them is left alone.
  new Visitor({
    TSTypeAnnotation: skip,
    TSTypeParameterInstantiation: skip,
    TSTypeParameterDeclaration: skip,
    TSInterfaceDeclaration: skip,
    TSTypeAliasDeclaration: skip,
    TSAsExpression: ({ end, expression }) => skip({ start: expression.end, end }),
    ImportDeclaration: skip,
    Property: ({ computed, key }) => computed ? undefined : skip(key),
    ClassDeclaration: (node) => node.id === null ? undefined : declare(node, node.id),
    FunctionDeclaration: (node) => node.id === null ? undefined : declare(node, node.id),
    MethodDefinition: (node) => declare(node, node.key),
    PropertyDefinition: (node) => {
      declare(node, node.key)
      bodies.push(node)
    },
    ArrowFunctionExpression: (node) => void bodies.push(node),
    FunctionExpression: (node) => void bodies.push(node),
    VariableDeclarator: (node) =>
      node.init?.type === "ArrowFunctionExpression" || node.init?.type === "CallExpression"
        ? declare(node, { start: node.id.start, end: node.id.typeAnnotation?.start ?? node.id.end })
        : undefined
  }).visit(program)
  new Visitor({
    ExpressionStatement: (node) => {
      remove(node)
      statements.add(node.expression.type === "ChainExpression" ? node.expression.expression : node.expression)
    },
    CallExpression: (node) => {
      if (statements.has(node) || !bodies.some((body) => isIn(node, body))) return
      for (const argument of node.arguments) if (isValue(argument)) add(node, text(argument))
    },
    ReturnStatement: (node) => node.argument === null ? remove(node) : undefined,
    ContinueStatement: remove,
    ThrowStatement: remove,
    IfStatement: ({ test }) => condition(test),
    ConditionalExpression: ({ test }) => condition(test),
    WhileStatement: ({ test }) => add(test, "false"),
    LogicalExpression: (node) => {
      add(node, text(node.left))
      add(node, text(node.right))
    },
    BinaryExpression: (node) => operator(node, node.left, node.operator, node.right),
    AssignmentExpression: (node) => operator(node, node.left, node.operator, node.right),
    UnaryExpression: (node) => node.operator === "!" ? add(node, text(node.argument)) : undefined,
    UpdateExpression: (node) => add(node, text(node).replace(node.operator, operators[node.operator] ?? "")),
    Literal: (node) => {
      if (typeof node.value === "boolean") add(node, String(!node.value))
      else if (typeof node.value === "number") add(node, String(node.value + 1))
    }
  }).visit(program)
  return mutants
}

/** A mutant, and the number that switches it on. */
export type Numbered = Mutant & { readonly number: number }

/** The file with all its mutants: `__mutant(N) ? MUTATED : ORIGINAL`, and for statements `if (!__mutant(N)) ORIGINAL`. */
export const instrument = (source: string, mutants: ReadonlyArray<Numbered>): string => {
  // Where several begin, the outermost comes first: a statement before the expression that is all of it.
  const inOrder = mutants.toSorted((a, b) =>
    a.span.start - b.span.start || b.span.end - a.span.end || Number(b.isStatement) - Number(a.isStatement)
  )
  const groups = [
    ...Map.groupBy(inOrder, ({ isStatement, span }) => `${span.start} ${span.end} ${isStatement}`).values()
  ]
  /** The text up to `end`, with the mutants that begin before it. */
  const compile = (start: number, end: number): string => {
    let compiled = ""
    let from = start
    while ((groups[0]?.[0]?.span.start ?? end) < end) {
      const same = groups.shift()!
      const { isStatement, number, span } = same[0]!
      compiled += source.slice(from, span.start)
      const original = compile(span.start, span.end)
      compiled += isStatement
        ? `{ if (!__mutant(${number})) ${original} }`
        : `(${same.map(({ number, replace }) => `__mutant(${number}) ? (${replace}) : `).join("")}(${original}))`
      from = span.end
    }
    return compiled + source.slice(from, end)
  }
  return `const __mutant = globalThis.__mutant; ${compile(0, source.length)}`
}
