// Writes the API reference from the doc comments, or checks with `--check` that it is up to date.
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { readModules } from "./read.ts"
import { render } from "./render.ts"

const isCheck = process.argv.includes("--check")

/** Writes the reference of a package, or says that it is out of date. */
const reference = (folder: string, path: string, intro: string, entries = ["index.ts"]): void => {
  const file = join(import.meta.dirname, "../..", path)
  const text = render(intro, readModules(folder, entries))
  if (!isCheck) {
    writeFileSync(file, text)
  } else if (!existsSync(file) || readFileSync(file, "utf8") !== text) {
    console.error(`${path} is out of date: the doc comments say something else. Write it anew with pnpm api.`)
    process.exitCode = 1
  }
}

reference(
  "packages/core",
  "docs/reference.md",
  "Everything that `@greenpool/core` exports, by module, as the doc comments in the source have it." +
    " [Start here](start-here.md) says which verb is for what.",
  ["index.ts", "allowance.ts"]
)
reference(
  "packages/dashboard",
  "docs/dashboard-reference.md",
  "Everything that `@greenpool/dashboard` exports, by module, as the doc comments in the source have it." +
    " [The dashboard](dashboard.md) says how to use it."
)
reference(
  "packages/cluster",
  "docs/cluster-reference.md",
  "Everything that `@greenpool/cluster` and `@greenpool/cluster/node` export, by module, as the doc comments in the source" +
    " have it. [A budget for many processes](cluster.md) says how to use it.",
  ["index.ts", "node/index.ts"]
)
