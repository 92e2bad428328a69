// Writes the API reference from the doc comments, or checks with `--check` that it is up to date.
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { readModules } from "./read.ts"
import { render } from "./render.ts"

const path = "docs/reference.md"
const file = join(import.meta.dirname, "../..", path)

const intro = "Everything that `@greenpool/core` exports, by module, as the doc comments in the source have it." +
  " [Start here](start-here.md) says which verb is for what."

const reference = render(intro, readModules())
if (!process.argv.includes("--check")) {
  writeFileSync(file, reference)
} else if (readFileSync(file, "utf8") !== reference) {
  console.error(`${path} is out of date: the doc comments say something else. Write it anew with pnpm api.`)
  process.exitCode = 1
}
