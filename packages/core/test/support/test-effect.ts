/**
 * Tests whose bodies are generators: `it.effect` and `it.live` with `Effect.gen`.
 */
import { it, type Vitest } from "@effect/vitest"
import { Effect, type Scope } from "effect"

type Body<Args extends Array<any>> = (...args: Args) => Generator<Effect.Effect<any, any, Scope.Scope>, void>

const of = (tester: Vitest.Tester<Scope.Scope>) =>
  Object.assign((title: string, body: Body<[]>): void => tester(title, Effect.fnUntraced(body)), {
    each: <T>(cases: ReadonlyArray<T>) => (title: string, body: Body<[T]>): void =>
      tester.each(cases)(title, Effect.fnUntraced(body))
  })

export const testEffect = of(it.effect)
export const testLive = of(it.live)
