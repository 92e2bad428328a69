import { delimiter } from "node:path"

/**
 * The environment for npm and npx as a user has it: with the machine's own Node, which knows the machine's settings for
 * npm, and without what pnpm says to the programs that it starts, which npm would take for its own settings.
 */
export const npmEnvironment: NodeJS.ProcessEnv = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm|pnpm)_/i.test(name))),
  PATH: (process.env["PATH"] ?? "").split(delimiter).filter((path) => !path.includes("node_modules")).join(delimiter)
}
