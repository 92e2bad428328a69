// Copies what @greenpool/core ships from the root of the repository into its folder: the license, the README and the
// documents. A link to a file that isn't shipped becomes plain text, since the package doesn't know where it would be.
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, normalize, relative } from "node:path"
import { replaceLinks } from "./markdown-links.ts"

const root = join(import.meta.dirname, "..")
const target = join(root, "packages/core")

/** Where a file of the repository is in the package, if it is shipped. */
const packed = (path: string): string | undefined => {
  if (!existsSync(join(root, path))) throw new Error(`A document links to ${path}, which doesn't exist`)
  if (/^(README\.md|docs(\/.*)?)$/.test(path) && !path.endsWith(".png")) return path
  return /^packages\/core\/((?:src|AGENTS\.md)(?:\/.*)?)$/.exec(path)?.[1]
}

rmSync(join(target, "docs"), { recursive: true, force: true })
cpSync(join(root, "LICENSE"), join(target, "LICENSE"))
for (const file of ["README.md", ...globSync("docs/**/*.*", { cwd: root })]) {
  if (packed(file) === undefined) continue
  const copy = join(target, file)
  mkdirSync(dirname(copy), { recursive: true })
  if (!file.endsWith(".md")) {
    cpSync(join(root, file), copy)
    continue
  }
  const text = replaceLinks(readFileSync(join(root, file), "utf8"), (link) => {
    if (link.path === "") return link.text
    const to = packed(normalize(join(dirname(file), link.path)).replace(/\/$/, ""))
    if (to === undefined) return link.isImage ? "" : link.label
    const path = relative(dirname(file), to)
    return `${link.isImage ? "!" : ""}[${link.label}](${path}${link.anchor && `#${link.anchor}`})`
  })
  writeFileSync(copy, text)
}
