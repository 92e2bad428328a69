import { execFileSync } from "node:child_process"
import { cpSync } from "node:fs"
import { join } from "node:path"
import { npmEnvironment } from "../npm-environment.ts"

/** Copies a project of `projects` into the folder, and installs the tarballs there as a user would. Gives its path. */
export const installProject = (name: string, folder: string, ...tarballs: ReadonlyArray<string>): string => {
  const project = join(folder, name)
  cpSync(join(import.meta.dirname, "projects", name), project, { recursive: true })
  execFileSync("npm", ["install", "--no-audit", "--no-fund", ...tarballs], {
    cwd: project,
    env: npmEnvironment,
    stdio: "inherit"
  })
  return project
}
