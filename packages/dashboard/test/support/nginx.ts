import { Effect } from "effect"
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { findProgram } from "../../../../scripts/runtimes/debian.ts"
import { freePort } from "../../../cluster/test/support/ports.ts"

// Not on the path of everyone, where it is installed.
process.env["PATH"] += ":/usr/sbin"

export const nginx = findProgram("nginx", "nginx")

if (nginx === undefined) {
  console.log("Left out: the tests behind nginx need it on the path, or a Debian whose package can be downloaded.")
}

/** Serves these locations by nginx until the scope closes, and returns its origin. */
export const startNginx = Effect.fnUntraced(function*(locations: string) {
  const port = yield* Effect.promise(freePort)
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "nginx-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
  )
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${name};`)
  // Nothing that would change how a location behaves.
  writeFileSync(
    join(folder, "nginx.conf"),
    `daemon off; pid nginx.pid; events {} http { access_log off; ${temporary.join(" ")}
     server { listen 127.0.0.1:${port}; ${locations} } }`
  )
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(nginx!, ["-p", folder, "-c", "nginx.conf", "-e", "stderr"], { stdio: "ignore" })),
    (child) =>
      Effect.callback<void>((resume) => {
        if (child.exitCode !== null) return resume(Effect.void)
        child.once("exit", () => resume(Effect.void)).kill("SIGTERM")
      })
  )
  const origin = `http://127.0.0.1:${port}`
  yield* Effect.promise(async () => {
    while (child.exitCode === null && !await fetch(origin).then(() => true, () => false)) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })
  return origin
})
