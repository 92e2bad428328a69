/** The originals in Python, each in a process of its own. */
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"

const script = fileURLToPath(new URL("peers.py", import.meta.url))

export type Library = "eventlet" | "gevent"

/** Milliseconds of the median run; nothing where Python or the library is missing. */
export const measurePeer = async (
  library: Library,
  verb: "spawn" | "imap",
  count: number,
  size: number
): Promise<number | undefined> => {
  // Debian keeps the libraries with its own Python, which need not be the first on the path.
  for (const python of ["/usr/bin/python3", "python3"]) {
    try {
      const { stdout } = await promisify(execFile)(python, [script, library, verb, String(count), String(size)])
      return Number(stdout) * 1000
    } catch {
      continue
    }
  }
  return undefined
}
