import { execFileSync } from "node:child_process"

const allowed =
  /^package\/(dist\/.+\.(js|d\.ts)(\.map)?|src\/.+(?<!\.d)\.ts|(README|CHANGELOG)\.md|LICENSE|package\.json)$/

const required = ["dist/index.js", "dist/index.d.ts", "src/index.ts", "README.md", "CHANGELOG.md", "LICENSE"]

/** Fails unless the tarball holds what belongs there, and nothing else: no test, no benchmark. */
export const checkContents = (tarball: string): void => {
  const files = execFileSync("tar", ["-tzf", tarball], { encoding: "utf8" }).trim().split("\n")
  const foreign = files.filter((file) => !allowed.test(file) || /test|bench/i.test(file))
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
