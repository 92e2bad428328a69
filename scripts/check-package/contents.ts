import { execFileSync } from "node:child_process"
import { dirname, join } from "node:path"
import { anchorsOf, replaceLinks } from "../markdown-links.ts"

const allowed =
  /^package\/(dist\/.+\.(js|d\.ts)(\.map)?|src\/.+(?<!\.d)\.ts|docs\/.+\.(md|txt|svg|yml|json)|[A-Z]+\.md|LICENSE|package\.json)$/

const required = ["dist/index.js", "dist/index.d.ts", "src/index.ts", "README.md", "CHANGELOG.md", "LICENSE"]

const filesOf = (tarball: string): ReadonlyArray<string> =>
  execFileSync("tar", ["-tzf", tarball], { encoding: "utf8" }).trim().split("\n")

/** Fails unless the tarball holds what belongs there, and nothing else: no test, no benchmark. */
export const checkContents = (tarball: string): void => {
  const files = filesOf(tarball)
  const foreign = files.filter((file) => !allowed.test(file) || /^package\/(?!docs\/).*(test|bench)/i.test(file))
  const missing = required.filter((file) => !files.includes(`package/${file}`))
  if (foreign.length > 0 || missing.length > 0) {
    throw new Error(`The tarball should not hold [${foreign.join(", ")}] and lacks [${missing.join(", ")}]`)
  }
}

/** Fails unless the changelog in the tarball tells of its version. */
export const checkChangelog = (tarball: string): void => {
  const read = (file: string) => execFileSync("tar", ["-xzOf", tarball, `package/${file}`], { encoding: "utf8" })
  const { version } = JSON.parse(read("package.json")) as { readonly version: string }
  if (!read("CHANGELOG.md").includes(`\n## ${version}\n`)) {
    throw new Error(`CHANGELOG.md does not tell of ${version}: run pnpm changeset version first`)
  }
}

/** Fails unless each link of the documents in the tarball leads to a file, or a place in one, that is there, too. */
export const checkLinks = (tarball: string): void => {
  const files = filesOf(tarball)
  const texts = new Map(
    files.filter((file) => file.endsWith(".md")).map((file) => [
      file,
      execFileSync("tar", ["-xzOf", tarball, file], { encoding: "utf8" })
    ])
  )
  const dead: Array<string> = []
  for (const [file, text] of texts) {
    replaceLinks(text, (link) => {
      const target = link.path === "" ? file : join(dirname(file), link.path)
      const isThere = files.some((other) => other === target || other.startsWith(`${target}/`))
      const document = texts.get(target)
      const hasPlace = link.anchor === "" || document === undefined || anchorsOf(document).has(link.anchor)
      if (!isThere || !hasPlace) dead.push(`${file}: ${link.text}`)
      return link.text
    })
  }
  if (dead.length > 0) throw new Error(`Links that lead nowhere in the tarball:\n${dead.join("\n")}`)
}
