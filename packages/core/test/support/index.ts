/**
 * What most tests use.
 */
export * from "./counters.ts"
export * from "./exits.ts"
export * from "./forkNow.ts"
export * from "./makePool.ts"
export * from "./outside.ts"
export * from "./sizes.ts"
export * from "./stage.ts"
export * from "./test-effect.ts"
export * from "./turns.ts"
export * from "./verbs.ts"
export * from "./world.ts"
