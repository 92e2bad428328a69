// Writes each doc example into a file of its own, so that `tsc` checks it.
// An error names the document in its path, and gives the line and column in that document.
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { documents, isMarked, readFences, root } from "./fences.ts"

const target = join(root, ".doc-examples")

rmSync(target, { recursive: true, force: true })
for (const fence of documents.flatMap(readFences).filter(isMarked)) {
  const path = join(target, `${fence.file}.${fence.line}.ts`)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${fence.code}\n`)
}
