/** A runtime other than a browser. */
export interface Runtime {
  readonly name: string
  /** What starts it. Bun and Deno come from npm when they are needed: they take 100 MB each. */
  readonly command: readonly [string, ...ReadonlyArray<string>]
  /** The arguments before the file of a program. */
  readonly run: ReadonlyArray<string>
  /** The arguments before the file of a tool for Node, which may do all that it can there. */
  readonly runTool: ReadonlyArray<string>
}

/** Where the library runs. */
export const runtimes = {
  node: { name: "Node", command: ["node"], run: [], runTool: [] },
  bun: { name: "Bun", command: ["npx", "-y", "bun@1.4.5"], run: ["run"], runTool: ["--bun"] },
  deno: { name: "Deno", command: ["npx", "-y", "deno@2.9.6"], run: ["run"], runTool: ["run", "--allow-all"] }
} as const satisfies Record<string, Runtime>
