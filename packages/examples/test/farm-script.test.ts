import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { spawnSync } from "node:child_process"
import { LINE_LIMIT, splitLines } from "../src/farm/lines.ts"
import { bind, toCommand, toScript } from "../src/farm/script.ts"

/** Runs a command for a line, as the farm does, and gives the words that it prints. */
const words = (command: string, line: Buffer): ReadonlyArray<string> => {
  const { script, variable } = bind(toScript(command), line)
  const { stderr, stdout } = spawnSync("/bin/sh", ["-c", script], { env: { ...process.env, FARM_LINE: variable } })
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

const everywhere = (line: Buffer) => words(`printf '%s\\n' ${PLACES.join(" ")}`, line)

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
    for (const line of HOSTILE) {
      const bytes = Buffer.from(line)
      assert.deepStrictEqual(everywhere(bytes), expected(bytes.toString("latin1")), JSON.stringify(line))
    }
  })

  const bytes = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 255 })))

  it.prop("has any bytes but NUL and newline as they are, in any order", [bytes], ([bytes]) => {
    const line = Buffer.from(bytes.filter((byte) => byte !== 0x0a))
    assert.deepStrictEqual(everywhere(line), expected(line.toString("latin1")))
  }, { timeout: 30_000, arbitrary: { runs: 50 } })

  it("has all bytes as they are", () => {
    const line = Buffer.from(Array.from({ length: 255 }, (_, index) => index + 1).filter((byte) => byte !== 0x0a))
    assert.deepStrictEqual(everywhere(line), expected(line.toString("latin1")))
  })

  it("has no part of the line in it", () => {
    assert.strictEqual(toScript("echo {} \"{}\" '{}'"), "echo \"$FARM_LINE\" \"${FARM_LINE}\" ''\"$FARM_LINE\"''")
  })

  it("has the line at its end when it has no place for it", () => {
    assert.strictEqual(toScript("echo"), "echo \"$FARM_LINE\"")
    assert.deepStrictEqual(words("echo", Buffer.from("a  b")), ["a  b"])
  })

  it("has the line where quotes and brackets are not what they look like", () => {
    const line = "a  b\"'$(echo bad)"
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
    for (const command of commands) assert.deepStrictEqual(words(command, Buffer.from(line)), [line], command)
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
    for (const [word, expected] of placed) {
      assert.deepStrictEqual(words(`printf '%s\\n' ${word}`, Buffer.from(line)), [expected], word)
    }
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
