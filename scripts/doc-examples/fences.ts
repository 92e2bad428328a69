import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** The root of the repository, where the paths of the documents start. */
export const root = join(import.meta.dirname, "../..")

/**
 * Every document whose code must run: Markdown, and source files with doc comments. The reference repeats those
 * comments, between signatures that are no programs.
 */
export const documents: ReadonlyArray<string> = globSync(
  ["*.md", "docs/**/*.md", "packages/*/*.md", "packages/*/src/*.ts", "packages/cluster/src/node/*.ts"],
  {
    cwd: root,
    exclude: [
      "docs/{reference,cluster-reference,dashboard-reference}.md",
      "packages/core/README.md",
      "packages/examples/src/*.ts",
      "**/CHANGELOG.md"
    ]
  }
).toSorted()

/** A block of code in a document. */
export interface Fence {
  /** The path of the document, from the root of the repository. */
  readonly file: string
  /** The line on which the fence opens, from 1. */
  readonly line: number
  /** The nearest heading above, if there is one, and the line. */
  readonly title: string
  /** What follows the opening backticks: the language, and marks. */
  readonly info: string
  /** The code, each character on the line and in the column where the document has it. */
  readonly code: string
}

/** Whether the fence carries the mark of code that is run. */
export const isMarked = (fence: Fence): boolean => fence.info === "ts import.meta.vitest"

/** The fences of a document that hold TypeScript or JavaScript, marked to be run or not. */
export const readFences = (file: string): ReadonlyArray<Fence> => {
  const margin = file.endsWith(".md") ? /^/ : /^ *\* ?/
  const lines = readFileSync(join(root, file), "utf8").split(/\r?\n/)
    .map((line) => line.replace(margin, (found) => " ".repeat(found.length)))
  const fences: Array<Fence> = []
  let heading = ""
  for (let index = 0; index < lines.length; index++) {
    const [, marker, info = ""] = /^ *(`{3,}|~{3,})(.*)$/.exec(lines[index]!) ?? []
    if (marker === undefined) {
      heading = /^ *#+ +(.*)$/.exec(lines[index]!)?.[1] ?? heading
      continue
    }
    const line = index + 1
    let code = "\n".repeat(line)
    while (++index < lines.length && lines[index]!.trim() !== marker) {
      code += `${lines[index]}\n`
    }
    if (/^ *([cm]?[jt]sx?|javascript|typescript)\b/.test(info)) {
      fences.push({ file, line, title: `${heading}${heading && ", "}line ${line}`, info: info.trim(), code })
    }
  }
  return fences
}
