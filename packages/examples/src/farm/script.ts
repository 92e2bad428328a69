// How a line gets into a command: as the value of a variable, never as a part of the script. A shell does not read the
// value of a variable as syntax, so that no line can become a command, whatever is in it and wherever `{}` stands.
import { Result } from "effect"
import { CommandLine } from "effect/process"
import { isUtf8 } from "node:buffer"

/** An escaped character, the start or end of a nested command, a quote, or `{}`. */
const TOKEN = /\\[^{]|\$?\(|[)'"`]|\{\}/g

/** How `{}` is written, by the quotes that it stands in: the value stays one word. */
const expansions = new Map([["'", "'\"$FARM_LINE\"'"], ["\"", "${FARM_LINE}"]])

/** The command with `{}` replaced by the line's variable. Without a `{}`, it comes last. */
export const toScript = (command: string): string => {
  // The quotes and brackets around the place, by what closes each.
  const open: Array<string> = []
  return withPlace(command).replace(TOKEN, (token) => {
    const inside = open.at(-1) ?? ""
    if (token === "{}") return expansions.get(inside) ?? "\"$FARM_LINE\""
    // Between single quotes nothing else is special, not even a backslash.
    if (inside === "'" ? token.endsWith("'") : token === inside) open.pop()
    else if (inside === "'") return token
    else if (token === "$(" || (token === "(" && inside !== "\"")) open.push(")")
    else if (token === "\"" || token === "`" || (token === "'" && inside !== "\"")) open.push(token)
    return token
  })
}

const withPlace = (command: string): string => command.includes("{}") ? command : `${command} {}`

/** The variable for a line, and the script to run with it. */
export const bind = (script: string, line: Buffer): { readonly script: string; readonly variable: string } =>
  isUtf8(line) ? { script, variable: line.toString() } : {
    // Environments of Node are UTF-8. Other bytes are spelled out, and put together again by the shell.
    script: `FARM_LINE=$(printf %b "$FARM_LINE")\n${script}`,
    variable: Array.from(line, (byte) => `\\0${byte.toString(8)}`).join("")
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
