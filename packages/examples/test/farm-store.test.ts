import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { readdirSync, readlinkSync } from "node:fs"
import { makeStore } from "../src/farm/store.ts"
import { live } from "./live.ts"

/** The files without a name that this process has open, as Linux shows them. */
const nameless = () =>
  readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)].filter((path) => /\/farm-.* \(deleted\)$/.test(path))
    } catch {
      return []
    }
  })

describe("the output that a farm keeps", () => {
  live("is in memory up to a limit, beyond it in a file without a name, and comes back in order", function*() {
    const { put, take } = yield* makeStore(10)
    const text = (pieces: Iterable<Buffer>) => [...pieces].map(String)
    const small = ["12345", "67890", "x", "yz"].map((text) => put(Buffer.from(text)))
    assert.deepStrictEqual(small.map(Buffer.isBuffer), [true, true, false, false])
    // The largest piece that there is.
    const large = put(Buffer.alloc(65_536, "l"))
    assert.deepStrictEqual(text(take([large])), ["l".repeat(65_536)])
    assert.deepStrictEqual(text(take(small)), ["12345", "67890", "x", "yz"])
    // There is room again, in memory and in the file.
    const again = ["abcde", "fghij", "k", "l"].map((piece) => put(Buffer.from(piece)))
    assert.deepStrictEqual(again.map(Buffer.isBuffer), [true, true, false, false])
    assert.deepStrictEqual(again.flatMap((piece) => "block" in piece ? [piece.block] : []).sort(), [0, 1])
    assert.deepStrictEqual(text(take(again)), ["abcde", "fghij", "k", "l"])
  })

  live("leaves nothing behind", function*() {
    yield* Effect.scoped(Effect.andThen(makeStore(0), Effect.sync(() => assert.strictEqual(nameless().length, 1))))
    assert.deepStrictEqual(nameless(), [])
  })
})
