/**
 * The packages whose sources are mutated: their files, and what is known of their mutants.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as cluster from "./cluster/equivalents.ts"
import * as core from "./core/equivalents.ts"
import { faults } from "./core/faults.ts"
import * as dashboard from "./dashboard/equivalents.ts"
import type { Fault } from "./fault.ts"

export class Package {
  readonly name: string
  /** Where its files are. */
  readonly directory: string
  /** What a run has found. */
  readonly results: string
  /** The mutants that no test can find, by the reason. */
  readonly explained: Readonly<Record<string, ReadonlyArray<string>>>
  /** The faults that no program plants. */
  readonly faults: ReadonlyArray<Fault>
  readonly #isTest: (file: string) => boolean

  constructor(
    name: string,
    { explained, faults = [], isTest = (file) => !file.endsWith(".slow.test.ts") }: {
      readonly explained: Package["explained"]
      readonly faults?: Package["faults"]
      /** Which of its tests can find anything: not those that start processes, which run the sources as they are. */
      readonly isTest?: (file: string) => boolean
    }
  ) {
    this.name = name
    this.directory = join(import.meta.dirname, "..", "..", "packages", name)
    this.results = join(import.meta.dirname, name, "RESULTS.md")
    this.explained = explained
    this.faults = faults
    this.#isTest = isTest
  }

  readSources(): ReadonlyMap<string, string> {
    return this.#texts("src", () => true)
  }

  readTests(): ReadonlyMap<string, string> {
    return this.#texts("test", (file) => file.endsWith(".test.ts") && this.#isTest(file))
  }

  /** What the tests share. */
  readShared(): ReadonlyMap<string, string> {
    return this.#texts("test", (file) => !file.endsWith(".test.ts"))
  }

  /** The texts of files in `src` or `test`, by their paths there, as they are now. */
  #texts(within: "src" | "test", isChosen: (file: string) => boolean): ReadonlyMap<string, string> {
    const root = join(this.directory, within)
    return new Map(
      readdirSync(root, { recursive: true, encoding: "utf8" }).sort()
        .filter((file) => file.endsWith(".ts") && isChosen(file))
        .map((file) => [file, readFileSync(join(root, file), "utf8")])
    )
  }
}

export const packages: ReadonlyArray<Package> = [
  new Package("core", { ...core, faults, isTest: () => true }),
  // The slow tests of its layers run several of its processes within this one.
  new Package("cluster", { ...cluster, isTest: (file) => !file.startsWith("kill/") }),
  new Package("dashboard", dashboard)
]
