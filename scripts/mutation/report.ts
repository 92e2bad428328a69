/**
 * The report of a run: RESULTS.md.
 */

/** How it went with one fault. */
export interface Outcome {
  readonly name: string
  /** The path in `src`. */
  readonly file: string
  /** The test that found it; null if none did. */
  readonly killedBy: string | null
  /** Why no test can find it. */
  readonly equivalent: string | undefined
}

/** Whether it says that something is missing: neither found nor explained. */
export const isOpen = ({ equivalent, killedBy }: Outcome): boolean => killedBy === null && equivalent === undefined

const cell = (text: string): string => text.replaceAll(/\s+/g, " ").replaceAll("|", "\\|").trim()

/** How many faults there are, of all files and of each. */
const countsOf = (outcomes: ReadonlyArray<Outcome>, kind: string): string => {
  const row = (name: string, outcomes: ReadonlyArray<Outcome>): string => {
    const killed = outcomes.filter(({ killedBy }) => killedBy !== null).length
    const open = outcomes.filter(isOpen).length
    return `| ${name} | ${outcomes.length} | ${killed} | ${outcomes.length - killed - open} | ${open} |`
  }
  return [
    `| File | ${kind} | Killed | Survived, with a reason | Survived without |`,
    "| --- | --- | --- | --- | --- |",
    row("all", outcomes),
    ...[...Map.groupBy(outcomes, ({ file }) => file)].map(([file, ofFile]) => row(`\`${file}\``, ofFile))
  ].join("\n")
}

const survivorsOf = (outcomes: ReadonlyArray<Outcome>): string =>
  [...Map.groupBy(outcomes.filter(({ killedBy }) => killedBy === null), ({ equivalent }) => equivalent)]
    .map(([reason, same]) =>
      `${reason ?? "**Unexplained**"}\n\n${same.map(({ name }) => `- \`\` ${cell(name)} \`\``).join("\n")}`
    )
    .join("\n\n")

const killersOf = (faults: ReadonlyArray<Outcome>): string =>
  faults.map(({ file, killedBy, name }) => `| \`${file}\` | ${name} | ${cell(killedBy ?? "**survived**")} |`).join("\n")

/** Of what no program can plant, if there is a list. */
const byHand = (faults: ReadonlyArray<Outcome>): string =>
  faults.length === 0 ? "" : `
## By hand

What no program can plant: an order of steps, a wrong queue, fiber or moment. They are listed in \`faults.ts\`.

${countsOf(faults, "Faults")}

| File | Fault | Killed by |
| --- | --- | --- |
${killersOf(faults)}
`

export const report = (name: string, mutants: ReadonlyArray<Outcome>, faults: ReadonlyArray<Outcome>): string =>
  `# Faults in ${name} that its tests find

\`pnpm mutate ${name}\` changes the sources of the package, one place at a time, and runs the tests until one fails. Date: ${
    new Date().toISOString().slice(0, 10)
  }, Node ${process.version}.

## By program

Each statement removed, each condition true and false, each operand dropped, each operator and literal changed,
each call replaced by its argument.

${countsOf(mutants, "Mutants")}

### Survivors

${survivorsOf(mutants)}
${byHand(faults)}`
