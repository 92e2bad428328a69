import { join, relative } from "node:path"
import { type Node, type SourceFile, SyntaxKind } from "typescript/unstable/ast"
import {
  isArrowFunction,
  isClassDeclaration,
  isComputedPropertyName,
  isInterfaceDeclaration,
  isModuleBlock,
  isModuleDeclaration,
  isObjectLiteralExpression,
  isTypeAliasDeclaration,
  isTypeLiteralNode,
  isVariableDeclaration
} from "typescript/unstable/ast/is"
import { API, type Checker, NodeBuilderFlags, SymbolFlags } from "typescript/unstable/sync"
import { commentOf, docOf } from "./doc-comment.ts"
import type { Export, Member, Module } from "./model.ts"

const root = join(import.meta.dirname, "../..")

/** Reads the public modules of a package: those that its entries export from, in their order. */
export const readModules = (folder: string, entries: ReadonlyArray<string>): ReadonlyArray<Module> => {
  const api = new API({ cwd: root })
  try {
    const config = join(root, folder, "tsconfig.src.json")
    const project = api.updateSnapshot({ openProjects: [config] }).getProject(config)
    if (project === undefined) throw new Error(`${config} does not open`)
    const { checker } = project
    const exportsOf = (entry: string) => {
      const file = project.program.getSourceFile(join(root, folder, "src", entry))
      const symbol = file && checker.getSymbolAtLocation(file)
      if (symbol === undefined) throw new Error(`${folder} has no entry ${entry}`)
      return checker.getExportsOfModule(symbol)
    }
    const modules = new Map<SourceFile, Array<Export>>()
    for (const exported of entries.flatMap(exportsOf)) {
      const target = (exported.flags & SymbolFlags.Alias) === 0 ? exported : checker.getAliasedSymbol(exported)
      for (const handle of target.declarations) {
        const declaration = handle.resolve()
        if (declaration === undefined) throw new Error(`${exported.name} has no declaration`)
        const file = declaration.getSourceFile()
        modules.set(file, [...modules.get(file) ?? [], readExport(declaration, exported.name, checker)])
      }
    }
    return [...modules].map(([file, exports]) => {
      const path = relative(root, file.fileName)
      return { path, doc: docOf(file.statements[0], path), exports }
    })
  } finally {
    api.close()
  }
}

const readExport = (declaration: Node, name: string, checker: Checker): Export => {
  if (isInterfaceDeclaration(declaration)) {
    const members = membersOf(declaration.members, name)
    const signature = members.length === 0
      ? codeOf(declaration)
      : codeUpTo(declaration, declaration.members.pos).replace(/\s*\{$/, "")
    return { name, kind: "interface", signature, members, doc: docOf(declaration, name) }
  }
  if (isClassDeclaration(declaration)) {
    const members = fieldsOf(declaration, name, checker)
    const [header = ""] = elide(codeOf(declaration), find(declaration, isObjectLiteralExpression)).split(
      / \{(?=\n|\}$)/
    )
    return { name, kind: "class", signature: header, members, doc: docOf(declaration, name) }
  }
  if (isTypeAliasDeclaration(declaration)) {
    return { name, kind: "type", signature: codeOf(declaration), members: [], doc: docOf(declaration, name) }
  }
  if (isModuleDeclaration(declaration)) {
    const members = membersOf(find(declaration, isModuleBlock)?.statements ?? [], name)
    return { name, kind: "namespace", signature: `namespace ${name}`, members, doc: docOf(declaration, name) }
  }
  if (isVariableDeclaration(declaration)) {
    const { initializer, type } = declaration
    const literal = type && find(type, isTypeLiteralNode)
    const members = literal === undefined ? [] : membersOf(literal.members, name)
    const signature = (): string => {
      if (type !== undefined) return `const ${name}: ${elide(codeOf(type), members.length === 0 ? undefined : literal)}`
      if (initializer !== undefined && isArrowFunction(initializer) && initializer.type !== undefined) {
        const parameters = codeUpTo(initializer, initializer.type.pos).replace(/:$/, "")
        return `const ${name}: ${parameters} => ${codeOf(initializer.type)}`
      }
      // A schema, or constants, which say what they are better than their types do.
      return `const ${name} = ${initializer === undefined ? "" : codeOf(initializer)}`
    }
    return { name, kind: "const", signature: signature(), members, doc: docOf(declaration.parent.parent, name) }
  }
  throw new Error(`${name}: the reference does not know how to show a ${SyntaxKind[declaration.kind]}`)
}

/** The members that have a doc comment; when one has, so must all that can be named. */
const membersOf = (nodes: Iterable<Node & { readonly name?: Node }>, owner: string): ReadonlyArray<Member> => {
  const named = [...nodes].filter(({ name }) => name !== undefined && !isComputedPropertyName(name))
  if (!named.some((node) => commentOf(node) !== undefined)) return []
  return named.map((node) => {
    const name = `${owner}.${codeOf(node.name!)}`
    return { name, signature: codeOf(node).replace(/^readonly /, ""), doc: docOf(node, name) }
  })
}

/** The documented fields of a class that a schema makes, and its own getters, with the types that they have for users. */
const fieldsOf = (declaration: Node, owner: string, checker: Checker): ReadonlyArray<Member> => {
  const symbol = checker.getSymbolAtLocation((declaration as Node & { readonly name: Node }).name)
  if (symbol === undefined) throw new Error(`${owner} has no symbol`)
  return checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(symbol)).flatMap((property) => {
    const node = property.declarations[0]?.resolve()
    if (node?.getSourceFile() !== declaration.getSourceFile() || commentOf(node) === undefined) return []
    const type = checker.getTypeOfSymbolAtLocation(property, declaration)
    const text = checker.typeToString(type, declaration, NodeBuilderFlags.NoTruncation)
    const name = `${owner}.${property.name}`
    return { name, signature: `${property.name}: ${text}`, doc: docOf(node, name) }
  })
}

const find = <A extends Node>(node: Node, is: (node: Node) => node is A): A | undefined =>
  is(node) ? node : node.forEachChild((child) => find(child, is))

/** The code of a node from its first word on, moved to the margin, without `export`. */
const codeOf = (node: Node): string => codeUpTo(node, node.end)

const codeUpTo = (node: Node, end: number): string => {
  const { text } = node.getSourceFile()
  const start = node.getStart()
  const margin = /^ */.exec(text.slice(text.lastIndexOf("\n", start) + 1))?.[0] ?? ""
  return text.slice(start, end).replaceAll(`\n${margin}`, "\n").replace(/^export (declare )?/, "").trim()
}

/** The code with a part of it left out. */
const elide = (code: string, part: Node | undefined): string =>
  part === undefined ? code : code.replace(codeOf(part), "{ … }")
