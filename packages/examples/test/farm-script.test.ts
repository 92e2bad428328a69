import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { spawnSync } from "node:child_process"
import { LINE_LIMIT, splitLines } from "../src/farm/input.ts"
import { bind, toCommand, toScript } from "../src/farm/script.ts"

/** Runs commands for lines in one shell, as the farm does each in its own, and gives the words that they print. */
const words = (...jobs: ReadonlyArray<readonly [command: string, line: Buffer]>): ReadonlyArray<string> => {
  const bound = jobs.map(([command, line]) => bind(toScript(command), line))
  const script = bound.map(({ script }, index) => `FARM_LINE=$LINE_${index}\n${script}\n`).join("")
  const lines = Object.fromEntries(bound.map(({ variable }, index) => [`LINE_${index}`, variable]))
  const { stderr, stdout } = spawnSync("/bin/sh", ["-c", script], { env: { ...process.env, ...lines } })
  assert.strictEqual(stderr.toString(), "")
  return stdout.toString("latin1").split("\n").slice(0, -1)
}

/** A line in every place where a command may have it. */
const PLACES = [
  "{}",
  "x{}y",
  "\"{}\"",
  "\"x{}y{}\"",
  "'{}'",
  "'x{}'{}",
  "'\\'{}",
  "\"it's {}\"",
  "'say \"'{}'\"'",
  "\\\"{}",
  "\"\\\"{}\"",
  "\"$(printf %s {})\"",
  "\"$(printf %s \"{}\")\"",
  "\"$(printf %s '{}')\"",
  "\"$( (printf %s {}) )\"",
  "\"`printf %s {}`\"",
  "\"${none:-{}}\""
]

const expected = (line: string) => [
  line,
  `x${line}y`,
  line,
  `x${line}y${line}`,
  line,
  `x${line}${line}`,
  `\\${line}`,
  `it's ${line}`,
  `say "${line}"`,
  `"${line}`,
  `"${line}`,
  line,
  line,
  line,
  line,
  line,
  line
]

/** That lines are as they are, wherever they stand. */
const everywhere = (lines: ReadonlyArray<Buffer>) =>
  assert.deepStrictEqual(
    words(...lines.map((line) => [`printf '%s\\n' ${PLACES.join(" ")}`, line] as const)),
    lines.flatMap((line) => expected(line.toString("latin1")))
  )

const HOSTILE = [
  "",
  " ",
  "two  words ",
  "it's",
  "say \"hi\"",
  "$(echo bad)",
  "`echo bad`",
  "${HOME}",
  "$HOME $1 $@",
  "; echo bad",
  "| echo bad",
  "& echo bad &",
  "&& echo bad || echo bad",
  "> /nonexistent/file",
  "< /nonexistent/file",
  "-n",
  "--help",
  "~",
  "~root",
  "*",
  "/*",
  "[a-z]?",
  "{a,b}",
  "{}",
  "!!",
  "# comment",
  "\\",
  "\\\\n",
  "%s%d",
  "tab\there",
  "return\r",
  "'; echo bad; '",
  "\"; echo bad; \"",
  "')",
  "$'\\n'",
  "größe 文字 \u{1f33e}",
  "(",
  ")",
  "esac",
  "\u001b[31m"
]

describe("the script of a farm's job", { timeout: 30_000 }, () => {
  it("has a line as one word, whatever is in it and wherever it stands", () => {
    everywhere(HOSTILE.map((line) => Buffer.from(line)))
  })

  const bytes = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 255 })))

  it.prop("has any bytes but NUL and newline as they are, in any order", [Schema.Array(bytes)], ([lines]) => {
    everywhere(lines.map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 0x0a))))
  }, { timeout: 30_000, arbitrary: { runs: 20 } })

  it("has all bytes as they are", () => {
    everywhere([Buffer.from(Array.from({ length: 255 }, (_, index) => index + 1).filter((byte) => byte !== 0x0a))])
  })

  it("has no part of the line in it", () => {
    assert.strictEqual(toScript("echo {} \"{}\" '{}'"), "echo \"$FARM_LINE\" \"${FARM_LINE}\" ''\"$FARM_LINE\"''")
  })

  it("has the line at its end when it has no place for it", () => {
    assert.strictEqual(toScript("echo"), "echo \"$FARM_LINE\"")
    assert.deepStrictEqual(words(["echo", Buffer.from("a  b")]), ["a  b"])
  })

  it("has the line where quotes and brackets are not what they look like", () => {
    const line = "a  b\"'$(echo bad)"
    const bytes = Buffer.from(line)
    const commands = [
      "# it's\necho {}",
      "# say \"\\\necho {}",
      "true;# it's (\necho {}",
      "(true)# it's\necho {}",
      "case a in a)# it's\necho {};; esac",
      "true &&\\\n# it's\necho {}",
      "true \\\n# it's\necho {}",
      "echo {} # it's",
      "echo {} # {}",
      "echo \"$(# it's\nprintf %s {})\"",
      "echo \"`true # it's`\"{}",
      "# `\necho {}",
      "echo \\{}",
      "echo \"\\{}\""
    ]
    const printed = words(...commands.map((command) => [command, bytes] as const))
    assert.deepStrictEqual(printed, commands.map(() => line))
    const placed = [
      ["a#'{}'", `a#${line}`],
      ["a\\\n#'{}'", `a#${line}`],
      ["\\ #'{}'", ` #${line}`],
      ["\"x\"#'{}'", `x#${line}`],
      ["$(printf x)#'{}'", `x#${line}`],
      ["`printf x`#'{}'", `x#${line}`],
      ["\"x #'{}'\"", `x #'${line}'`],
      ["$#'{}'", `0${line}`],
      ["'\\{}'", `\\${line}`],
      ["\\\\{}", `\\${line}`],
      ["'\\'\\{}", `\\${line}`],
      ["\"\\\\{}\"", `\\${line}`]
    ] as const
    assert.deepStrictEqual(
      words(...placed.map(([word]) => [`printf '%s\\n' ${word}`, bytes] as const)),
      placed.map(([, expected]) => expected)
    )
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
    splitLines(Stream.fromIterable(chunks.map((chunk) => Buffer.from(chunk)))).pipe(
      Stream.map(String),
      Stream.runCollect
    )

  it.effect("end at newlines only, wherever the input is cut", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* lines("a\nb c\n"), ["a", "b c"])
      assert.deepStrictEqual(yield* lines("a", "b\n", "c", "", "d\ne"), ["ab", "cd", "e"])
      assert.deepStrictEqual(yield* lines("a\r\nb\rc\n"), ["a\r", "b\rc"])
      assert.deepStrictEqual(yield* lines("\n\na\n\n"), ["", "", "a", ""])
      assert.deepStrictEqual(yield* lines(), [])
      assert.deepStrictEqual(yield* lines(""), [])
    }))

  it.effect("are not kept beyond what can be passed on", () =>
    Effect.gen(function*() {
      const chunk = "x".repeat(LINE_LIMIT)
      const lengths = (yield* lines(chunk, `\n${chunk}`, "y", chunk, "\nend")).map(({ length }) => length)
      assert.deepStrictEqual(lengths, [LINE_LIMIT, LINE_LIMIT + 1, 3])
    }))
})
