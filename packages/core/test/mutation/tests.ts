/**
 * The test files that faults meet.
 */
import { readdirSync } from "node:fs"
import { join } from "node:path"

/** The package. */
export const core = join(import.meta.dirname, "..", "..")

/** The workspace around it. */
export const root = join(core, "..", "..")

/** Those that take long: they run when no other test has found the fault. */
const isSlow = (file: string): boolean =>
  file === "many.test.ts" || file === "longlife.test.ts" || file.includes("model") || file.includes("fuzz")

const all = readdirSync(join(core, "test"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".test.ts"))
  .sort()

export const quickTests: ReadonlyArray<string> = all.filter((file) => !isSlow(file))

export const slowTests: ReadonlyArray<string> = all.filter(isSlow)
