/**
 * The faults that a program can plant: in every statement, condition, operand and literal of a file of `src`.
 */
import { parseSync, Visitor } from "vite"
import type { Fault, Span } from "./fault.ts"

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

/** The mutants of a file, in the order of their places. Types have none: the compiler checks those. */
export const mutantsOf = (file: string, source: string, tests: ReadonlyArray<string>): ReadonlyArray<Fault> => {
  const faults: Array<Fault> = []
  const types: Array<Span> = []
  const text = ({ end, start }: Span): string => source.slice(start, end)

  const add = ({ end, start }: Span, replace: string): void => {
    if (types.some((type) => type.start <= start && end <= type.end)) return
    const line = source.slice(0, start).split("\n").length
    const shown = source.slice(start, end).replaceAll(/\s+/g, " ")
    const name = `${file}:${line}: ${shown.slice(0, 60)} becomes ${replace === "" ? "nothing" : replace.slice(0, 60)}`
    if (!faults.some((fault) => fault.name === name)) faults.push({ name, file, find: { start, end }, replace, tests })
  }
  const condition = (test: Span): void => {
    add(test, "true")
    add(test, "false")
  }
  const operator = (operator: string, left: Span, right: Span): void => {
    const other = operators[operator]
    if (other === undefined) return
    const start = left.end + source.slice(left.end, right.start).indexOf(operator)
    add({ start, end: start + operator.length }, other)
  }
  const isType = (type: Span): void => void types.push(type)

  const { program } = parseSync(file, source)
  // Types first: what is inside of them is left alone.
  new Visitor({
    TSTypeAnnotation: isType,
    TSTypeParameterInstantiation: isType,
    TSTypeParameterDeclaration: isType,
    TSInterfaceDeclaration: isType,
    TSTypeAliasDeclaration: isType,
    TSAsExpression: ({ expression, end }) => isType({ start: expression.end, end }),
    ImportDeclaration: isType
  }).visit(program)
  new Visitor({
    ExpressionStatement: (node) => add(node, ""),
    ReturnStatement: (node) => node.argument === null ? add(node, "") : undefined,
    ContinueStatement: (node) => add(node, ""),
    ThrowStatement: (node) => add(node, ""),
    IfStatement: ({ test }) => condition(test),
    ConditionalExpression: ({ test }) => condition(test),
    WhileStatement: ({ test }) => add(test, "false"),
    LogicalExpression: (node) => {
      add(node, text(node.left))
      add(node, text(node.right))
    },
    BinaryExpression: ({ left, operator: sign, right }) => operator(sign, left, right),
    AssignmentExpression: ({ left, operator: sign, right }) => operator(sign, left, right),
    UnaryExpression: (node) => node.operator === "!" ? add(node, text(node.argument)) : undefined,
    UpdateExpression: (node) => {
      add(node, text(node).replace(node.operator, operators[node.operator] ?? ""))
    },
    Literal: (node) => {
      if (typeof node.value === "boolean") add(node, String(!node.value))
      else if (typeof node.value === "number") add(node, String(node.value + 1))
    }
  }).visit(program)
  return faults
}
