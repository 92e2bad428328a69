/**
 * The files of the package: the tests, and the sources that they test.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** The package. */
export const core = join(import.meta.dirname, "..", "..")

const filesIn = (directory: string): ReadonlyArray<string> =>
  readdirSync(join(core, directory), { recursive: true, encoding: "utf8" }).sort()

/** The paths of the tests of the library, and of what they share, in `test`. */
const testSources = filesIn("test").filter((file) => file.endsWith(".ts") && !file.startsWith("mutation"))

/** The paths of the test files. */
export const testFiles: ReadonlyArray<string> = testSources.filter((file) => file.endsWith(".test.ts"))

/** The sources by their paths in `src`, as they are now. */
export const readSources = (): ReadonlyMap<string, string> =>
  new Map(
    filesIn("src").filter((file) => file.endsWith(".ts")).map((file) => [
      file,
      readFileSync(join(core, "src", file), "utf8")
    ])
  )

/** The texts of the test files, and those of what they share. */
export const readTests = (): Record<"tests" | "shared", ReadonlyMap<string, string>> => {
  const textsOf = (chosen: ReadonlyArray<string>): ReadonlyMap<string, string> =>
    new Map(chosen.map((file) => [file, readFileSync(join(core, "test", file), "utf8")]))
  return {
    tests: textsOf(testFiles),
    shared: textsOf(testSources.filter((file) => !testFiles.includes(file)))
  }
}
