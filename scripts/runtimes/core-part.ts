/**
 * The part of the library's tests that says whether it works on a runtime: all that depends on how the runtime
 * schedules, and needs nothing that only Node has.
 */

const left = {
  "they measure memory, and collect garbage, as only Node can": ["imap-memory", "longlife", "many"],
  "they read the streams of Node": ["source"],
  "they schedule every step themselves, so that all runtimes do the same, and take long": [
    "imap-interruption",
    "interruption",
    "pile-interruption",
    "shares-property"
  ]
}

/** Words in the titles of tests that need what browsers lack: `process` and the modules of Node. */
const beyondBrowsers = [
  "asynchronous context",
  "unhandled rejection",
  "nobody hears of it",
  "at no cost that grows",
  "what a callback throws",
  "two copies of the package"
]

/** The titles of the tests that browsers can run. */
export const inBrowsers = new RegExp(`^(?!.*(${beyondBrowsers.join("|")}))`)

/** Which files to run, for a configuration of Vitest. */
export const corePart = {
  include: ["packages/core/test/*.test.ts"],
  exclude: Object.values(left).flat().map((name) => `packages/core/test/${name}.test.ts`)
}
