import { assert, describe } from "@effect/vitest"
import { printedBy, startExample } from "./example.ts"
import { live } from "./live.ts"

describe.concurrent("examples of a cluster", { timeout: 60_000 }, () => {
  live("cluster: three processes use one budget, and two use all of it when the third is killed", function*() {
    const [before, after] = (yield* printedBy("cluster", "--seconds", "2", "--size", "6")).split(
      "Process three is killed\n"
    )
    assert.match(before!, /one #+ +two #+ +three #+ +\d of 6\n/)
    assert.match(after!, /one #+ +two #+ +three killed +6 of 6\n/)
  })

  live("cluster: ends with its processes on Ctrl-C", function*() {
    const { end, said } = yield* startExample("cluster", "--seconds", "60")
    yield* said(/ of 12/)
    assert.deepInclude(yield* end("SIGINT"), { code: 130, stderr: "" })
  })

  live("thumbnails: a process that is killed half way is followed by one that makes the rest", function*() {
    const stdout = yield* printedBy("thumbnails", "--images", "40")
    const end =
      /^Killed after 20 of 40 thumbnails\nThe next process returned all 40: (\d+) that were there, (\d+) new ones\n$/
    const [, there, missing] = end.exec(stdout) ?? assert.fail(stdout)
    assert.strictEqual(Number(there) + Number(missing), 40)
    // Those in hand when it was killed may have been made.
    assert.isTrue(Number(there) >= 20 && Number(there) <= 20 + 8, there)
  })
})
