// Runs an example by its name, with the arguments that follow; without a name it lists them.
import { Command } from "effect/cli"
import { commands } from "./commands.ts"
import { run } from "./run.ts"

/** The examples of more than one file: the one to read, what it does, and what runs it. */
const programs = {
  linkcheck: {
    file: "linkcheck/crawl.ts",
    description: "checks the links of a web site; without a URL, of an embedded one",
    start: async () => run(Command.run((await import("./linkcheck/cli.ts")).linkcheck, { version: "0.1.0" }), 2)
  },
  overload: {
    file: "overload/server.ts",
    description: "an HTTP server, driven beyond its capacity with and without bounds and keys",
    start: () => import("../benchmark/overload/main.ts")
  },
  farm: {
    file: "farm/farm.ts",
    description: "runs each line of a file through a shell command: imap, processes, live resize",
    start: async () => run((await import("./farm/cli.ts")).farmProgram, 255)
  }
}

const examples = new Map<string, { file: string; description: string; start: () => unknown }>([
  ...Object.entries(programs),
  ...Object.entries(commands).map(([name, { command, description }]) =>
    [name, { file: `gallery/${name}.ts`, description, start: () => run(command(name)) }] as const
  )
])

const [name = "--help"] = process.argv.splice(2, 1)
const example = examples.get(name)

if (example !== undefined) {
  await example.start()
} else if (name === "--help" || name === "-h") {
  console.log("Usage: pnpm example NAME [arguments]. For its arguments: pnpm example NAME --help.")
  console.log("The files are in packages/examples.\n")
  for (const [name, { description, file }] of examples) {
    console.log(`  ${name.padEnd(18)}  ${`src/${file}`.padEnd(34)}  ${description}`)
  }
} else {
  console.error(`There is no example "${name}". See pnpm example --help.`)
  process.exitCode = 1
}
