import { assert, describe, it } from "@effect/vitest"
import { Duration, Option } from "effect"
import { parseDuration } from "../src/flags.ts"
import { runExample } from "./example.ts"
import { live } from "./live.ts"

describe("the flags of the examples", () => {
  const refused = {
    "Expected an integer of at least 1": [
      ["adaptive --workers 0", "adaptive --lose-after 0", "echo --size 0", "feedscraper --size 0"],
      ["tenants --seconds 0", "traces --requests 0", "traces --requests -3", "recursive-crawler --pages 0"],
      ["producer-consumer --pages -2", "importer --batch 0", "llm-batch --rate 0"]
    ],
    "Expected a port, 0 to 65535": [
      ["echo --port 99999", "echo --port -1", "feedscraper --port 65536", "metrics --port -1"],
      ["tenants --port 65536"]
    ],
    "Expected an integer of at least 0": ["metrics --peak -1"],
    "Expected an http or https URL, such as https://example.com": [
      ["traces --collector nonsense", "recursive-crawler ftp://example.com", "producer-consumer nonsense"],
      ["llm-batch --url file:///etc/hosts --model m"]
    ],
    "Expected the path of a file": ["importer --db=", "llm-batch --out="],
    "--url needs --model": ["llm-batch --url http://127.0.0.1:1"]
  }

  live("are refused where they make no sense, each for its reason", function*() {
    for (const [why, lines] of Object.entries(refused)) {
      for (const line of lines.flat()) {
        const [name = "", ...args] = line.split(" ")
        const { code, stderr } = yield* runExample(name, ...args)
        const [first, ...rest] = stderr.split("\n")
        assert.include(first, why, line)
        assert.deepStrictEqual([code, rest], [1, [`See ${name} --help.`, ""]], line)
      }
    }
  })

  it("have durations in seconds, unless they have another unit", () => {
    const millis = (text: string) => Duration.toMillis(Option.getOrThrow(parseDuration(text)))
    const right = { "2": 2000, "0.5": 500, "500ms": 500, "10s": 10_000, "1.5m": 90_000, "2h": 7_200_000 }
    for (const [text, expected] of Object.entries(right)) assert.strictEqual(millis(text), expected, text)
    for (const text of ["", "s", "-1", "-1s", "0", "1d", "1 s", "0ms", "0.0s", "1e3", "1e3s", "Infinity"]) {
      assert.isTrue(Option.isNone(parseDuration(text)), text)
    }
  })
})
