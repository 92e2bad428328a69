// Runs an example by its name, with the arguments that follow; without a name it lists them.
import type { GalleryExample } from "./gallery/run.ts"

interface Example {
  readonly description: string
  readonly start: () => Promise<unknown>
}

/** Runs a file of the gallery. */
const gallery = async (example: Promise<GalleryExample>) => (await import("./gallery/run.ts")).run(await example)

const examples: ReadonlyMap<string, Example> = new Map([
  ["linkcheck", {
    description: "checks the links of a web site; without a URL, of an embedded one",
    start: () => import("./linkcheck/main.ts")
  }],
  ["overload", {
    description: "drives an HTTP server beyond its capacity, with and without bounds and keys",
    start: () => import("./overload/main.ts")
  }],
  ["farm", {
    description: "runs every line of a file through a shell command: imap, processes, live resize",
    start: () => import("./farm/main.ts")
  }],
  ["adaptive", {
    description: "an HTTP client whose pool finds out how much its server can take",
    start: () => gallery(import("./gallery/adaptive.ts"))
  }],
  ["echo", {
    description: "a TCP server that sends back what it gets; its connections run in the pool",
    start: () => gallery(import("./gallery/echo.ts"))
  }],
  ["feedscraper", {
    description: "an HTTP server that answers with the titles of feeds: a pile for each request, on one pool",
    start: () => gallery(import("./gallery/feedscraper.ts"))
  }],
  ["importer", {
    description: "a CSV of a million rows into SQLite: imap over batches, resumable",
    start: () => gallery(import("./gallery/importer.ts"))
  }],
  ["llm-batch", {
    description: "asks a rate-limited API thousands of prompts; goes on where it was interrupted",
    start: () => gallery(import("./gallery/llm-batch.ts"))
  }],
  ["metrics", {
    description: "an HTTP server whose pool is measured by Prometheus, with a load of its own",
    start: () => gallery(import("./gallery/metrics.ts"))
  }],
  ["producer-consumer", {
    description: "visits the pages of a site: a queue feeds the pool, waitall in a loop",
    start: () => gallery(import("./gallery/producer-consumer.ts"))
  }],
  ["recursive-crawler", {
    description: "follows the links of a site, each page once: jobs that start jobs",
    start: () => gallery(import("./gallery/recursive-crawler.ts"))
  }],
  ["tenants", {
    description: "an HTTP server with a pool for each tenant, made when needed: LayerMap",
    start: () => gallery(import("./gallery/tenants.ts"))
  }],
  ["traces", {
    description: "requests to an HTTP server, with their waits for slots as spans: a tree, and OTLP",
    start: () => gallery(import("./gallery/traces.ts"))
  }],
  ["webcrawler", {
    description: "fetches URLs and prints the size of each, in their order: imap",
    start: () => gallery(import("./gallery/webcrawler.ts"))
  }]
])

const list = `Usage: pnpm example NAME [arguments]; NAME --help says more.\n\n${
  [...examples].map(([name, { description }]) => `  ${name.padEnd(17)}  ${description}`).join("\n")
}`

const [name] = process.argv.splice(2, 1)
const example = name === undefined ? undefined : examples.get(name)

if (example !== undefined) {
  await example.start()
} else if (name === undefined) {
  console.log(list)
} else {
  console.error(`There is no example "${name}".\n${list}`)
  process.exitCode = 1
}
