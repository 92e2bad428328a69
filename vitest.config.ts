import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"
import type { Reporter } from "vitest/node"
import { coreOnCluster } from "./packages/cluster/test/core/vite-plugin.ts"
import { docExamples } from "./scripts/doc-examples/vite-plugin.ts"
import { findChromium } from "./scripts/runtimes/chromium.ts"

/** Vitest takes it from a project, but doesn't have it in the type of one. */
const withoutSweeps = { testNamePattern: /^(?!.*(interruption at every step|is no limit for))/ }

/** Other processes, servers and pages take real time: a test for which the machine was too busy is tried once more. */
const withOthers = { retry: 1 }

/** Tests that need a browser or other programs, start processes, or take seconds of real time. CI runs them, too. */
const slow = process.env["GREENPOOL_TESTS"] === "all" ? [] : ["**/*.slow.test.ts"]

/** Says what a run of several projects has left out, below its summary. */
const leftOut: Reporter = {
  onTestRunEnd: (modules) => {
    if (slow.length > 0 && new Set(modules.map(({ project }) => project)).size > 1) {
      console.log("Left out: the slow tests, in *.slow.test.ts. All tests: pnpm test:all")
    }
  }
}

export default defineConfig({
  test: {
    reporters: ["default", leftOut],
    // On a machine of two cores, vitest would use one.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        test: {
          name: "core",
          include: ["packages/core/test/**/*.test.ts"],
          exclude: slow,
          // Tests of memory collect garbage themselves, through `globalThis.gc`.
          execArgv: ["--expose-gc"],
          // Some tests compute for seconds, and the machine may be busy.
          testTimeout: 60_000,
          pool: "forks",
          // No file leaves anything behind for the next: effect is imported once by each worker.
          isolate: false
        }
      },
      {
        test: {
          name: "cluster",
          ...withOthers,
          include: ["packages/cluster/test/**/*.test.ts"],
          exclude: slow,
          // Some tests wait for other processes, and the machine may be busy.
          testTimeout: 30_000,
          pool: "forks",
          isolate: false
        }
      },
      {
        plugins: [coreOnCluster()],
        test: {
          name: "core-on-cluster",
          // The suites of verbs that take seconds. Left out: sweeps, depths and longer suites, which prove the core's own steps;
          // closing and draining, which have tests of their own here; and what counts timers or steps of a resize.
          include: [
            "packages/core/test/{available,imap-failure,pile,reentrancy,resize,starmap,take,verbs,waitall}.test.ts"
          ],
          ...withoutSweeps,
          pool: "forks",
          isolate: false
        }
      },
      {
        test: {
          name: "dashboard",
          ...withOthers,
          include: ["packages/dashboard/test/**/*.test.ts"],
          // The set-up says so.
          exclude: findChromium() === undefined ? [...slow, "packages/dashboard/test/browser/**"] : slow,
          globalSetup: "packages/dashboard/test/support/setup.ts",
          // Some tests wait for pages, and the machine may be busy.
          testTimeout: 60_000,
          isolate: false
        }
      },
      {
        test: {
          name: "examples",
          ...withOthers,
          include: ["packages/examples/test/**/*.test.ts"],
          exclude: slow,
          isolate: false
        }
      },
      {
        test: {
          name: "mutation",
          include: ["scripts/mutation/*.test.ts"]
        }
      },
      {
        plugins: [docExamples()],
        test: {
          name: "docs",
          include: ["scripts/doc-examples/*.test.ts"]
        }
      }
    ],
    coverage: {
      provider: "v8",
      include: ["packages/core/src/**/*.ts"],
      thresholds: { statements: 100, branches: 100, functions: 100, lines: 100 }
    }
  }
})
