// How a line gets into a command: as the value of a variable, never as a part of the script. A shell does not read the
// value of a variable as syntax, so that no line can become a command, whatever is in it and wherever `{}` stands.
import { Result } from "effect"
import { CommandLine } from "effect/process"
import { isUtf8 } from "node:buffer"

/** `{}`, an escaped character, the start or end of a nested command, a quote, a comment, or what ends a word. */
const TOKEN = /\\?\{\}|\\[^]|\$?\(|[)'"`#]|[ \t\n;&|<>]/g

/** What closes a quote, a nested command and a comment, by what opens it. */
const closers = new Map([["'", "'"], ["\"", "\""], ["`", "`"], ["$(", ")"], ["(", ")"], ["#", "\n"]])

/** How `{}` is written, by the quotes that it stands in: the value stays one word. */
const expansions = new Map([["'", "'\"$FARM_LINE\"'"], ["\"", "${FARM_LINE}"]])

/** The command with `{}` replaced by the line's variable. Without a `{}`, it comes last. */
export const toScript = (command: string): string => {
  // What is open around the place.
  const open: Array<string> = []
  // Where the last end of a word was: a `#` right there begins a comment.
  let wordAt = 0
  return withPlace(command).replace(TOKEN, (token, offset: number) => {
    const inside = open.at(-1) ?? ""
    const end = offset + token.length
    // There nothing is special but the end, not even a backslash.
    const isVerbatim = inside === "'" || inside === "#"
    if (token.endsWith("{}")) {
      const escape = isVerbatim ? token.slice(0, -2) : ""
      return escape + (expansions.get(inside) ?? "\"$FARM_LINE\"")
    }
    if (isVerbatim ? token.endsWith(closers.get(inside) ?? "") : token === closers.get(inside)) {
      open.pop()
      // After `$(…)` and a quote, the word goes on.
      if (inside === "(" || inside === "#") wordAt = end
    } else if (isVerbatim) {
      // Its backquotes end before a comment in them does.
      if (token === "`" && open.at(-2) === "`") open.length -= 2
    } else if (token === "$(" || token === "`" || token === "\"") {
      open.push(token)
      wordAt = end
    } else if (inside !== "\"") {
      if (token === "(" || token === "'" || (token === "#" && offset === wordAt)) open.push(token)
      // A line that is continued has no end there.
      if (token === "\\\n" ? offset === wordAt : /^[ \t\n;&|<>()]$/.test(token)) wordAt = end
    }
    return token
  })
}

const withPlace = (command: string): string => command.includes("{}") ? command : `${command} {}`

/** The variable for a line, and the script to run with it. */
export const bind = (script: string, line: Buffer): { readonly script: string; readonly variable: string } =>
  isUtf8(line) ? { script, variable: line.toString() } : {
    // Environments of Node are UTF-8. Other bytes are spelled out, and put together again by the shell. It drops newlines
    // at the end of what it puts together; hence the dot.
    script: `FARM_LINE=$(printf %b. "$FARM_LINE")\nFARM_LINE=\${FARM_LINE%.}\n${script}`,
    variable: line.toString("latin1").replace(/[\\\x80-\xff]/g, (byte) => `\\0${byte.charCodeAt(0).toString(8)}`)
  }

/** The command as one would type it for a line, byte for byte: for the job log and for messages. */
export const toCommand = (command: string, line: Buffer): Buffer => {
  // One character for each byte, so that every byte comes through.
  const quoted = Result.getOrThrow(CommandLine.quote(line.toString("latin1").replaceAll("\0", "\\0")))
  return Buffer.from(Buffer.from(withPlace(command)).toString("latin1").replaceAll("{}", () => quoted), "latin1")
}

/** So much of a command as fits into a message. */
export const abridge = (command: Buffer): string => {
  const text = command.toString()
  return text.length > 100 ? `${text.slice(0, 99)}…` : text
}
