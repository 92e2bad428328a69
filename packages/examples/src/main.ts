// Runs an example by its name, with the arguments that follow; without a name it lists them.

/** Each example: the file to read, and what it does. */
const examples: Readonly<Record<string, readonly [file: string, description: string]>> = {
  linkcheck: ["src/linkcheck/crawl.ts", "checks the links of a web site; without a URL, of an embedded one"],
  overload: ["src/overload/server.ts", "an HTTP server, driven beyond its capacity with and without bounds and keys"],
  farm: ["src/farm/farm.ts", "runs each line of a file through a shell command: imap, processes, live resize"],
  adaptive: ["src/gallery/adaptive.ts", "an HTTP client whose pool finds out how much its server can take"],
  cluster: ["src/gallery/cluster.ts", "three processes with one budget of slots; one is killed"],
  dashboard: ["src/dashboard.ts", "four pools with uneven load on a live page, to resize and pause them"],
  "dashboard-password": ["src/dashboard-password.ts", "a live page of a pool; a password allows steering"],
  echo: ["src/gallery/echo.ts", "a TCP server that sends back what it receives; its connections run in the pool"],
  feedscraper: [
    "src/gallery/feedscraper.ts",
    "an HTTP server that returns the titles of feeds: a pile for each request"
  ],
  importer: ["src/gallery/importer.ts", "a CSV of a million rows into SQLite: imap over batches, resumable"],
  "llm-batch": ["src/gallery/llm-batch.ts", "sends thousands of prompts to a rate-limited API; resumable"],
  metrics: ["src/gallery/metrics.ts", "an HTTP server whose pool Prometheus measures, with a load of its own"],
  "producer-consumer": ["src/gallery/producer-consumer.ts", "visits the pages of a site: a queue feeds the pool"],
  "recursive-crawler": ["src/gallery/recursive-crawler.ts", "follows the links of a site: jobs that start jobs"],
  tenants: ["src/gallery/tenants.ts", "an HTTP server with a pool for each tenant, made when needed: LayerMap"],
  thumbnails: ["src/gallery/thumbnails.ts", "durable jobs whose process is killed half way, and go on"],
  traces: ["src/gallery/traces.ts", "an HTTP server whose traces show the waits for slots: a tree, and OTLP"],
  webcrawler: ["src/gallery/webcrawler.ts", "fetches URLs and prints the size of each, in order: imap"]
}

const list = `Usage: pnpm example NAME [arguments]. For its arguments: pnpm example NAME --help.
The files are in packages/examples.

${
  Object.entries(examples).map(([name, [file, description]]) =>
    `  ${name.padEnd(18)}  ${file.padEnd(34)}  ${description}`
  ).join("\n")
}`

const start = async (name: string, description: string): Promise<unknown> => {
  if (name === "linkcheck") return import("./linkcheck/main.ts")
  if (name === "overload") return import("../benchmark/overload/main.ts")
  if (name === "farm") return import("./farm/main.ts")
  const [{ commands }, { run }] = await Promise.all([import("./commands.ts"), import("./run.ts")])
  return run(commands[name]!(description))
}

const [name = "--help"] = process.argv.splice(2, 1)
const example = Object.hasOwn(examples, name) ? examples[name] : undefined

if (example !== undefined) {
  await start(name, `${example[1]} (packages/examples/${example[0]})`)
} else if (name === "--help" || name === "-h") {
  console.log(list)
} else {
  console.error(`There is no example "${name}". See pnpm example --help.`)
  process.exitCode = 1
}
