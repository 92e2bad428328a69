import { execFileSync } from "node:child_process"
import { cpSync } from "node:fs"
import { join } from "node:path"

/** The environment without what pnpm says to the programs that it starts, which npm would take for its own settings. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm|pnpm)_/i.test(name)))

/** Copies a project of `projects` into the folder, and installs the tarball there as a user would. Gives its path. */
export const installProject = (name: string, tarball: string, folder: string): string => {
  const project = join(folder, name)
  cpSync(join(import.meta.dirname, "projects", name), project, { recursive: true })
  execFileSync("npm", ["install", "--no-audit", "--no-fund", tarball], { cwd: project, env, stdio: "inherit" })
  return project
}
