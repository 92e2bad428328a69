/** The protocol: what processes of two versions say to each other, and what a shard that moves must not wait for. */
import { expect, it } from "@effect/vitest"
import { Context, Effect, Latch, Schema, Stream } from "effect"
import { ClusterSchema } from "effect/cluster"
import { BudgetEntity, Word } from "../src/internal/protocol.ts"
import { settle } from "./support/cluster.ts"
import { type Cluster, wired } from "./support/wire.ts"

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

it("a shard that moves waits for no call, none is written down, and none is traced", () => {
  for (const { annotations } of BudgetEntity.protocol.requests.values()) {
    expect(Context.get(annotations, ClusterSchema.InterruptOnTermination)).toBe(true)
    expect(Context.get(annotations, ClusterSchema.Persisted)).toBe(false)
  }
  // Heartbeats of every process would be most of what a tracer shows.
  expect(Context.get(BudgetEntity.protocol.annotations, ClusterSchema.ClientTracingEnabled)).toBe(false)
})

/** The coordinator of this moment, and sessions whose part the test plays. */
const played = Effect.fnUntraced(function*(cluster: Cluster) {
  const { client } = yield* cluster.current
  yield* settle
  const counts = { number: 0, claim: 0, returned: 0, wanted: 0, running: 0, waiting: 0, heard: 0 }
  // One that claims what nobody knows of is told which term it is, and no more.
  const { term } = yield* client.Report({ session: "", term: "", ...counts, claim: 1 })
  const report = (session: string, said: Partial<Parameters<typeof client.Report>[0]>) =>
    client.Report({ session, term, ...counts, number: ++counts.number, ...said })
  /** What a session hears over its channel. */
  const open = Effect.fnUntraced(function*(session: string) {
    const words: Array<Word> = []
    const channel = client.Open({ session, version: 1, size: 16 })
    yield* Effect.forkChild(Stream.runForEach(channel, (word) => Effect.sync(() => words.push(word))))
    yield* settle
    return words
  })
  /** Makes calls, of which it is seen later which of them have returned. */
  const call = (...calls: ReadonlyArray<Effect.Effect<unknown, unknown>>) =>
    Effect.map(
      Effect.forEach(calls, (one) => Effect.forkChild(one)),
      (fibers) => Effect.map(settle, () => fibers.map((fiber) => fiber.pollUnsafe()?._tag === "Success"))
    )
  return { client, term, report, open, call }
})

wired(
  "a coordinator tells a session what holds for it, and by its answer or its channel, not both",
  function*(cluster) {
    const { client, open, report, term } = yield* played(cluster)
    const said = { term, termNumber: 1, lease: 15_000 }
    // Before anybody has opened the budget.
    expect(yield* client.Stats()).toMatchObject({ size: 0, leased: 0, members: [] })
    yield* client.WaitAll()
    expect(yield* report("early", {})).toStrictEqual({ ...said, status: "known", connected: false })
    const words = yield* open("a")
    const order = { number: 1, granted: 0, size: 16, answer: 0 }
    const opened = { ...said, status: "claim", connected: true, size: 16, order }
    expect(words).toStrictEqual([opened])
    // What it says to another term counts nothing here.
    expect(yield* report("a", { term: "0-x", wanted: 4 })).toStrictEqual(opened)
    expect(yield* report("lost", { claim: 1 })).toStrictEqual({ ...said, status: "gone", connected: false, size: 16 })
    expect((yield* client.Ask({ session: "a" })).order).toEqual({ ...order, number: 2, granted: 1 })
    expect((yield* report("a", { wanted: 1, running: 1, heard: 2 })).status).toBe("known")
    yield* settle
    expect(words.length).toBe(1)
  }
)

wired("calls return when sessions have carried out orders from after them, and no later", function*(cluster) {
  const { call, client, open, report } = yield* played(cluster)
  yield* open("a")
  yield* client.Ask({ session: "a" })
  yield* report("a", { heard: 2 })
  const resize = yield* call(client.Resize({ session: "a", size: 16 }))
  expect(yield* resize).toEqual([false])
  yield* report("a", { heard: 3 })
  expect(yield* resize).toEqual([true])
  // What was told while the size was being written is from before. The second one is a shrink.
  const disk = yield* Latch.make()
  cluster.disk.access = disk.await
  const slow = yield* call(
    client.Resize({ session: "a", size: 20 }),
    client.Resize({ session: "gone", size: 18 }),
    client.Leave({ session: "gone" })
  )
  expect(yield* slow).toEqual([false, false, false])
  yield* client.Ask({ session: "a" })
  yield* report("a", { heard: 4 })
  yield* disk.open
  expect(yield* slow).toEqual([false, false, true])
  for (const [heard, isShrunk] of [[5, false], [6, true]] as const) {
    yield* report("a", { heard })
    expect(yield* slow).toEqual([true, isShrunk, true])
  }
  const waitall = yield* call(client.WaitAll())
  // It has a lease on which a job may start unheard, then it runs a job, then neither.
  for (const [returned, running] of [[1, 0], [2, 1], [2, 0]] as const) {
    expect(yield* waitall).toEqual([false])
    yield* report("a", { heard: 9, returned, running })
  }
  expect(yield* waitall).toEqual([true])

  // The next coordinator knows one of these sessions by what was written; the other one comes while it waits.
  yield* cluster.start()
  const next = yield* played(cluster)
  expect((yield* next.report("lost", { claim: 1 })).size).toBe(18)
  const resized = (session: string) => next.client.Resize({ session, size: 18 })
  const calls = yield* next.call(next.client.Stats(), next.client.WaitAll(), resized("a"), resized("gone"))
  yield* next.open("b")
  yield* next.report("b", { heard: 1 })
  yield* next.report("a", {})
  expect(yield* calls).toEqual([false, false, false, true])
  yield* next.report("a", { heard: 1 })
  expect(yield* calls).toEqual([true, true, true, true])
})
