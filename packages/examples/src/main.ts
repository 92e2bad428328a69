// Runs an example by its name, with the arguments that follow; without a name it lists them.
interface Example {
  readonly description: string
  readonly start: () => Promise<unknown>
}

const examples: ReadonlyMap<string, Example> = new Map([
  ["linkcheck", {
    description: "checks the links of a web site; without a URL, of an embedded one",
    start: () => import("./linkcheck/main.ts")
  }],
  ["overload", {
    description: "drives an HTTP server beyond its capacity, with and without bounds and keys",
    start: () => import("./overload/main.ts")
  }]
])

const list = `Usage: pnpm example NAME [arguments]; NAME --help says more.\n\n${
  [...examples].map(([name, { description }]) => `  ${name.padEnd(10)}  ${description}`).join("\n")
}`

const [name] = process.argv.splice(2, 1)
const example = name === undefined ? undefined : examples.get(name)

if (example !== undefined) {
  await example.start()
} else if (name === undefined) {
  console.log(list)
} else {
  console.error(`There is no example "${name}".\n${list}`)
  process.exitCode = 1
}
