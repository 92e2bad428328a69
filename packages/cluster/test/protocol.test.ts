/** The protocol: what processes of two versions say to each other, and what a shard that moves must not wait for. */
import { expect, it } from "@effect/vitest"
import { Context, Schema } from "effect"
import { ClusterSchema } from "effect/cluster"
import { BudgetEntity, Word } from "../src/internal/protocol.ts"

const word = { term: "1-a", termNumber: 1, lease: 15_000, status: "known", connected: true }

it("a member of this version understands words of a later one, and of one that says less", () => {
  const decode = Schema.decodeUnknownSync(Word)
  const order = { number: 1, granted: 2, size: 3, answer: 0 }
  expect(decode({ ...word, later: 1, size: 3, order: { ...order, later: 1 } })).toEqual({ ...word, size: 3, order })
  expect(decode(word)).toEqual(word)
})

it("a coordinator of this version understands reports of a later one", () => {
  const { payloadSchema } = BudgetEntity.protocol.requests.get("Report")!
  const counts = { number: 1, claim: 0, returned: 0, wanted: 0, running: 0, waiting: 0, heard: 0 }
  const payload = { session: "s", term: "1-a", ...counts }
  const decode = Schema.decodeUnknownSync(payloadSchema as Schema.Codec<unknown, unknown>)
  expect(decode({ ...payload, later: 1 })).toEqual(payload)
})

it("a shard that moves waits for no call: channels and waitall last as long as they are let", () => {
  for (const { annotations } of BudgetEntity.protocol.requests.values()) {
    expect(Context.get(annotations, ClusterSchema.InterruptOnTermination)).toBe(true)
    expect(Context.get(annotations, ClusterSchema.Persisted)).toBe(false)
  }
})
