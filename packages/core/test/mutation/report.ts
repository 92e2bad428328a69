/**
 * The report of a run: RESULTS.md.
 */
import type { Fault } from "./fault.ts"

/** How it went with one fault. */
export interface Outcome {
  readonly fault: Fault
  /** The test that found it. */
  readonly killedBy: string | undefined
  readonly seconds: number
}

/** Whether it says that something is missing: neither found nor explained. */
export const isOpen = ({ fault, killedBy }: Outcome): boolean =>
  killedBy === undefined && fault.equivalent === undefined

const cell = (text: string): string => text.replaceAll(/\s+/g, " ").replaceAll("|", "\\|").trim()

const shorten = (text: string): string => text.length > 100 ? `${text.slice(0, 97)}...` : text

// Two backticks, since the code may hold one.
const code = (text: string): string => text.trim() === "" ? "nothing" : `\`\` ${cell(shorten(text))} \`\``

const row = ({ fault, killedBy }: Outcome): string => {
  const what = `\`${fault.file}\`: ${code(typeof fault.find === "string" ? fault.find : fault.name)} becomes ${
    code(fault.replace)
  }`
  const result = killedBy ?? `survived: ${fault.equivalent ?? "**unexplained**"}`
  return `| ${cell(fault.name)} | ${what} | ${cell(result)} |`
}

export const report = (outcomes: ReadonlyArray<Outcome>): string => {
  const survived = outcomes.filter(({ killedBy }) => killedBy === undefined)
  const open = survived.filter(isOpen)
  const seconds = outcomes.reduce((sum, outcome) => sum + outcome.seconds, 0)
  return `# Faults that the tests find

Each fault is one exact replacement in one file of \`src\`, listed in the \`*faults.ts\` beside this page. \`pnpm
mutate\` plants them, one at a time, in a copy of the package and runs the tests there.

- Date: ${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${(seconds / 60).toFixed(0)} minutes of tests
- Faults: ${outcomes.length}
- Killed: ${outcomes.length - survived.length}
- Survived and explained: ${survived.length - open.length}
- Survived without explanation: ${open.length}

| Fault | What it changes | Killed by |
| --- | --- | --- |
${outcomes.map(row).join("\n")}
`
}
