/** Has the tests of the core import `greenpool.ts` of this folder in place of the core's index. */
import { join } from "node:path"
import type { Plugin } from "vite"

const core = join(import.meta.dirname, "../../../core/test/")

export const coreOnCluster = (): Plugin => ({
  name: "core-on-cluster",
  enforce: "pre",
  resolveId: (source, importer) =>
    importer?.startsWith(core) === true && source.endsWith("/src/index.ts")
      ? join(import.meta.dirname, "greenpool.ts")
      : undefined
})
