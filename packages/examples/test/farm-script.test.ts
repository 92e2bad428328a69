import { assert, describe, it } from "@effect/vitest"
import { Stream } from "effect"
import { spawnSync } from "node:child_process"
import { LINE_LIMIT, splitLines } from "../src/farm/input.ts"
import { bind, toCommand, toScript } from "../src/farm/script.ts"
import { live } from "./live.ts"

/** Runs commands for lines in one shell, as the farm does each in its own, and gives the words that they print. */
const words = (...jobs: ReadonlyArray<readonly [command: string, line: Buffer]>): ReadonlyArray<string> => {
  const bound = jobs.map(([command, line]) => bind(toScript(command), line))
  const script = bound.map(({ script }, index) => `FARM_LINE=$LINE_${index}\n${script}\n`).join("")
  const lines = Object.fromEntries(bound.map(({ variable }, index) => [`LINE_${index}`, variable]))
  const { stderr, stdout } = spawnSync("/bin/sh", ["-c", script], { env: { ...process.env, ...lines } })
  assert.strictEqual(stderr.toString(), "")
  return stdout.toString("latin1").split("\n").slice(0, -1)
}

/** Places where a command may have a line, and what each becomes, with `{}` for the line. */
const PLACES = {
  "{}": "{}",
  "a#'{}'": "a#{}",
  "a\\\n#'{}'": "a#{}",
  "\\ #'{}'": " #{}",
  "\"x\"#'{}'": "x#{}",
  "$(printf x)#'{}'": "x#{}",
  "`printf x`#'{}'": "x#{}",
  "\"x #'{}'\"": "x #'{}'",
  "$#'{}'": "0{}",
  "'\\{}'": "\\{}",
  "\\\\{}": "\\{}",
  "'\\'\\{}": "\\{}",
  "\"\\\\{}\"": "\\{}",
  "x{}y": "x{}y",
  "\"{}\"": "{}",
  "\"x{}y{}\"": "x{}y{}",
  "'{}'": "{}",
  "'x{}'{}": "x{}{}",
  "'\\'{}": "\\{}",
  "\"it's {}\"": "it's {}",
  "'say \"'{}'\"'": "say \"{}\"",
  "\\\"{}": "\"{}",
  "\"\\\"{}\"": "\"{}",
  "\"$(printf %s {})\"": "{}",
  "\"$(printf %s \"{}\")\"": "{}",
  "\"$(printf %s '{}')\"": "{}",
  "\"$( (printf %s {}) )\"": "{}",
  "\"`printf %s {}`\"": "{}",
  "\"${none:-{}}\"": "{}"
}

/** That lines are as they are, wherever they stand. */
const everywhere = (lines: ReadonlyArray<Buffer>) => {
  const command = `printf '%s\\n' ${Object.keys(PLACES).join(" ")}`
  const expected = (line: Buffer) =>
    Object.values(PLACES).map((place) => place.replaceAll("{}", () => line.toString("latin1")))
  assert.deepStrictEqual(words(...lines.map((line) => [command, line] as const)), lines.flatMap(expected))
}

const HOSTILE = [
  ["", " ", "two  words ", "it's", "say \"hi\"", "tab\there", "return\r", "größe 文字 \u{1f33e}", "\u001b[31m"],
  ["$(echo bad)", "`echo bad`", "${HOME}", "$HOME $1 $@", "~", "~root", "*", "/*", "[a-z]?", "{a,b}", "{}", "!!"],
  ["; echo bad", "| echo bad", "& echo bad &", "&& echo bad || echo bad", "> /nonexistent/file", "# comment"],
  ["< /nonexistent/file", "-n", "--help", "\\", "\\\\n", "%s%d", "$'\\n'", "(", ")", "esac"],
  ["'; echo bad; '", "\"; echo bad; \"", "')"]
].flat()

describe("the script of a farm's job", { timeout: 30_000 }, () => {
  it("has a line as one word, whatever is in it and wherever it stands", () => {
    const all = Buffer.from(Array.from({ length: 255 }, (_, index) => index + 1).filter((byte) => byte !== 0x0a))
    everywhere([...HOSTILE.map((line) => Buffer.from(line)), all])
  })

  it("has no part of the line in it, and the line at its end when it has no place for it", () => {
    assert.strictEqual(toScript("echo {} \"{}\" '{}'"), "echo \"$FARM_LINE\" \"${FARM_LINE}\" ''\"$FARM_LINE\"''")
    assert.strictEqual(toScript("echo"), "echo \"$FARM_LINE\"")
    assert.deepStrictEqual(words(["echo", Buffer.from("a  b")]), ["a  b"])
  })

  it("has the line where quotes and brackets are not what they look like", () => {
    const line = "a  b\"'$(echo bad)"
    const bytes = Buffer.from(line)
    const commands = [
      ["# it's\necho {}", "# say \"\\\necho {}", "true;# it's (\necho {}", "(true)# it's\necho {}"],
      ["case a in a)# it's\necho {};; esac", "true &&\\\n# it's\necho {}", "true \\\n# it's\necho {}"],
      ["echo {} # it's", "echo {} # {}", "echo \"$(# it's\nprintf %s {})\"", "echo \"`true # it's`\"{}"],
      ["# `\necho {}", "echo \\{}", "echo \"\\{}\""]
    ].flat()
    assert.deepStrictEqual(words(...commands.map((command) => [command, bytes] as const)), commands.map(() => line))
  })

  it("can be shown as one would type it", () => {
    const show = (line: Uint8Array | string) => toCommand("echo {}; {}", Buffer.from(line))
    assert.strictEqual(show("plain").toString(), "echo plain; plain")
    assert.strictEqual(show("$&").toString(), "echo '$&'; '$&'")
    assert.strictEqual(show("").toString(), "echo ''; ''")
    assert.deepStrictEqual(show(Buffer.from([0xff])), Buffer.from("echo '\xff'; '\xff'", "latin1"))
    assert.strictEqual(toCommand("grün", Buffer.from("ü")).toString(), "grün 'ü'")
  })
})

describe("the lines of a farm", () => {
  const lines = (...chunks: ReadonlyArray<string>) =>
    Stream.runCollect(Stream.map(splitLines(Stream.fromIterable(chunks.map((chunk) => Buffer.from(chunk)))), String))

  live("end at newlines only, wherever the input is cut", function*() {
    assert.deepStrictEqual(yield* lines("a\nb c\n"), ["a", "b c"])
    assert.deepStrictEqual(yield* lines("a", "b\n", "c", "", "d\ne"), ["ab", "cd", "e"])
    assert.deepStrictEqual(yield* lines("a\r\nb\rc\n"), ["a\r", "b\rc"])
    assert.deepStrictEqual(yield* lines("\n\na\n\n"), ["", "", "a", ""])
    assert.deepStrictEqual([yield* lines(), yield* lines("")], [[], []])
  })

  live("are not kept beyond what can be passed on", function*() {
    const chunk = "x".repeat(LINE_LIMIT)
    const lengths = (yield* lines(chunk, `\n${chunk}`, "y", chunk, "\nend")).map(({ length }) => length)
    assert.deepStrictEqual(lengths, [LINE_LIMIT, LINE_LIMIT + 1, 3])
  })
})
