/**
 * What the tests can expect of the runtime that runs them.
 */

/** Whether it is a browser: without Node's `process` and modules, which Bun and Deno have too. */
export const isBrowser = !("process" in globalThis)
