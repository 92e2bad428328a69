/**
 * The three maps, for what holds of each.
 */
import { Exit } from "effect"
import type { GreenPool } from "../../src/index.ts"

export const verbs = ["imap", "imapUnordered", "imapExit"] as const

export type Verb = typeof verbs[number]

/** The map of this name, with the type of `imap`: `imapExit` gives exits of those results. */
export const mapOf = (pool: GreenPool, verb: Verb): GreenPool["imap"] => pool[verb] as GreenPool["imap"]

/** What the map of this name emits for a result. */
export const emitted = (verb: Verb) => (result: unknown): unknown => verb === "imapExit" ? Exit.succeed(result) : result
