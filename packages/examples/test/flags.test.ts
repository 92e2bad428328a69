import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Option } from "effect"
import { parseDuration } from "../src/flags.ts"
import { runExample } from "./example.ts"

const PORT = "Expected a port, 0 to 65535"
const POSITIVE = "Expected an integer of at least 1"
const PATH = "Expected the path of a file"
const HTTP = "Expected an http or https URL, such as https://example.com"

describe("the flags of the examples", () => {
  const refused: ReadonlyArray<readonly [name: string, args: string, why: string]> = [
    ["adaptive", "--workers 0", POSITIVE],
    ["adaptive", "--lose-after 0", POSITIVE],
    ["echo", "--port 99999", PORT],
    ["echo", "--port -1", PORT],
    ["echo", "--size 0", POSITIVE],
    ["feedscraper", "--port 65536", PORT],
    ["feedscraper", "--size 0", POSITIVE],
    ["metrics", "--port -1", PORT],
    ["metrics", "--peak -1", "Expected an integer of at least 0"],
    ["tenants", "--port 65536", PORT],
    ["tenants", "--seconds 0", POSITIVE],
    ["traces", "--requests 0", POSITIVE],
    ["traces", "--requests -3", POSITIVE],
    ["traces", "--collector nonsense", HTTP],
    ["recursive-crawler", "--pages 0", POSITIVE],
    ["recursive-crawler", "ftp://example.com", HTTP],
    ["producer-consumer", "--pages -2", POSITIVE],
    ["producer-consumer", "nonsense", HTTP],
    ["importer", "--batch 0", POSITIVE],
    ["importer", "--db=", PATH],
    ["llm-batch", "--out=", PATH],
    ["llm-batch", "--rate 0", POSITIVE],
    ["llm-batch", "--url file:///etc/hosts --model m", HTTP],
    ["llm-batch", "--url http://127.0.0.1:1", "--url needs --model"]
  ]

  it.live("are refused where they make no sense, each for its reason", () =>
    Effect.forEach(
      refused,
      Effect.fnUntraced(function*([name, args, why]) {
        const { code, stderr } = yield* runExample(name, ...args.split(" "))
        const [first, ...rest] = stderr.split("\n")
        assert.include(first, why, args)
        assert.deepStrictEqual([code, rest], [1, [`See ${name} --help.`, ""]], args)
      })
    ))

  it("have durations in seconds, unless they have another unit", () => {
    const millis = ["2", "0.5", "500ms", "10s", "1.5m", "2h"].map((text) =>
      Duration.toMillis(Option.getOrThrow(parseDuration(text)))
    )
    assert.deepStrictEqual(millis, [2000, 500, 500, 10_000, 90_000, 7_200_000])
    for (const text of ["", "s", "-1", "-1s", "0", "1d", "1 s", "0ms", "0.0s", "1e3", "1e3s", "Infinity"]) {
      assert.isTrue(Option.isNone(parseDuration(text)), text)
    }
  })
})
