import { chromium } from "playwright-core"
import type { TestProject } from "vitest/node"
import { findChromium } from "../../../../scripts/runtimes/chromium.ts"
import { buildAssets } from "../../page/build.ts"

declare module "vitest" {
  interface ProvidedContext {
    /** Where the Chromium of all tests listens; absent where none is installed. */
    readonly chromium: string | undefined
  }
}

/** Builds the page, so that tests run what the sources say, and starts one Chromium for all files, if they run. */
export const setup = async ({ provide }: TestProject) => {
  await buildAssets()
  if (process.env["GREENPOOL_TESTS"] !== "all") return undefined
  const executablePath = findChromium()
  if (executablePath === undefined) {
    console.log(
      "Left out: the tests of the page need a Chromium or Chrome on the path, as by apt-get install chromium."
    )
    return undefined
  }
  const server = await chromium.launchServer({
    executablePath,
    args: [
      // Its sandbox refuses to run as root.
      ...process.getuid?.() === 0 ? ["--no-sandbox"] : [],
      "--disable-gpu",
      "--disable-software-rasterizer",
      // Names of other sites lead to this machine.
      "--host-resolver-rules=MAP *.example 127.0.0.1"
    ]
  })
  provide("chromium", server.wsEndpoint())
  return () => server.close()
}
