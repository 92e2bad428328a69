/**
 * The files of the package: the tests, and the sources that they test.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** The package. */
export const core = join(import.meta.dirname, "..", "..")

/** The texts of files in `src` or `test`, by their paths there, as they are now. */
const texts = (directory: string, isChosen: (file: string) => boolean): ReadonlyMap<string, string> =>
  new Map(
    readdirSync(join(core, directory), { recursive: true, encoding: "utf8" }).sort()
      .filter((file) => file.endsWith(".ts") && !file.startsWith("mutation") && isChosen(file))
      .map((file) => [file, readFileSync(join(core, directory, file), "utf8")])
  )

const isTest = (file: string): boolean => file.endsWith(".test.ts")

export const readSources = (): ReadonlyMap<string, string> => texts("src", () => true)
export const readTests = (): ReadonlyMap<string, string> => texts("test", isTest)
/** What the tests share. */
export const readShared = (): ReadonlyMap<string, string> => texts("test", (file) => !isTest(file))
