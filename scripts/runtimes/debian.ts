/**
 * Programs that come from packages of Debian: those that are installed, or else unpacked from the package, without
 * installing anything.
 */
import { spawnSync } from "node:child_process"
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"

const cache = fileURLToPath(new URL("../../node_modules/.cache/debian", import.meta.url))

/** How long one step may take, in milliseconds. apt gives up by itself long before when there is no network. */
const limit = 60_000

const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Whether the command has done what it is for. */
const succeeds = (cwd: string, command: string, ...args: ReadonlyArray<string>): boolean =>
  spawnSync(command, args, { cwd, timeout: limit, stdio: "ignore" }).status === 0

const apt = ["-o", "Acquire::Retries=0", "-o", "Acquire::http::Timeout=5", "-o", "Acquire::https::Timeout=5"]

/** Unpacks a package into the folder, if it can be had. Only root can fetch the lists of what there is. */
const unpack = (name: string, folder: string): void => {
  mkdirSync(cache, { recursive: true })
  const temporary = mkdtempSync(join(cache, "unpacking-"))
  try {
    const download = () => succeeds(temporary, "apt-get", ...apt, "download", name)
    const update = () => process.getuid?.() === 0 && succeeds(temporary, "apt-get", ...apt, "update")
    if (!download() && !(update() && download())) return
    const file = readdirSync(temporary).find((entry) => entry.endsWith(".deb"))
    const unpacked = join(temporary, "package")
    if (file === undefined || !succeeds(temporary, "dpkg-deb", "-x", file, unpacked)) return
    // Fails if another run has been quicker.
    succeeds(temporary, "mv", "-T", unpacked, folder)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

/** The path of a program: on the `PATH`, or in the package of Debian. Undefined if it cannot be had. */
export const findProgram = (program: string, packageName: string): string | undefined => {
  const installed = (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, program))
  const folder = join(cache, packageName)
  const found = installed.find(isExecutable)
  if (found !== undefined) return found
  if (!existsSync(folder)) unpack(packageName, folder)
  return ["usr/bin", "usr/sbin", "bin"].map((bin) => join(folder, bin, program)).find(isExecutable)
}
