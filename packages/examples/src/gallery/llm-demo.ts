import { Effect } from "effect"
import { startApi } from "./llm-api.ts"
import type { Prompt } from "./llm-prompts.ts"

/** Prompts for a run that is given no file. */
export const generatePrompts = (count: number): ReadonlyArray<Prompt> =>
  Array.from({ length: count }, (_, index) => ({ id: `${index + 1}`, prompt: `What is ${index + 1} squared?` }))

/** An API for a run that is given no URL: slower than its client, so that it has something to refuse. */
export const startDemo = Effect.map(startApi({ rate: 200, burst: 100, failEvery: 50 }), ({ counters, url }) => ({
  url,
  summary: () =>
    `The embedded API received ${counters.requests} requests: ${counters.failed} failed, and ${counters.refused} were ` +
    `refused in ${counters.pauses} pauses, ${counters.early + counters.strays} of them sent in spite of Retry-After`
}))
