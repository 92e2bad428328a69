// The core part of the tests in pages of the installed Chromium; nothing is downloaded.
import { playwright } from "@vitest/browser-playwright"
import { join } from "node:path"
import { defineConfig } from "vitest/config"
import { findChromium } from "./chromium.ts"
import { corePart, inBrowsers } from "./core-part.ts"

const executablePath = findChromium()
if (executablePath === undefined) {
  throw new Error("There is no Chromium or Chrome on the path: install one, as by apt-get install chromium")
}

export default defineConfig({
  // Named here, since a page that meets a new dependency is loaded again, in the middle of its tests.
  optimizeDeps: { include: ["effect", "effect/testing", "@effect/vitest", "@greenpool/core > fast-check"] },
  test: {
    // Some tests compute for seconds, and the machine may be busy.
    testTimeout: 30_000,
    testNamePattern: inBrowsers,
    browser: {
      enabled: true,
      headless: true,
      screenshotFailures: false,
      provider: playwright({
        // Its sandbox refuses to run as root.
        launchOptions: { executablePath, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] }
      }),
      instances: [
        {
          browser: "chromium",
          name: "Chromium",
          ...corePart,
          setupFiles: [join(import.meta.dirname, "quick-turns.ts")]
        },
        // As it is for users. A turn of the event loop takes 4 ms: enough for a few files.
        {
          browser: "chromium",
          name: "Chromium, its own turns",
          include: ["first-step", "imap", "pile", "service"].map((name) => `packages/core/test/${name}.test.ts`)
        }
      ]
    }
  }
})
