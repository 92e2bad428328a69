// The command lines of the gallery. Each of its files exports `main`, which takes the values of these flags.
import { Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { count, integer, path, port, start, toggle, url } from "./flags.ts"

const listenOn = port("Where to listen (default: any free port)").pipe(Flag.withDefault(0))

const page = { port: port("Where to listen; 0: any free port (default: 3000)").pipe(Flag.withDefault(3000)) }

const file = (description: string) =>
  Argument.File("FILE", { mustExist: true }).pipe(Argument.withDescription(description), Argument.optional)

const crawl = {
  start: start("The page to start from; without it, that of an embedded site"),
  pages: integer("pages", "How many pages are visited at most", 100)
}

/** One of the gallery: its description, and its command under a name, which is that of the file. */
const gallery = <const Config extends Command.Command.Config, E>(
  description: string,
  config: Config,
  load: () => Promise<{
    readonly main: (config: Command.Command.Config.Infer<Config>) => Effect.Effect<void, E, Command.Environment>
  }>
) => ({
  description,
  command: (name: string): Effect.Effect<void, unknown, Command.Environment> =>
    Command.make(name, config, (values) => Effect.flatMap(Effect.promise(load), ({ main }) => main(values))).pipe(
      Command.withDescription(`${description} (packages/examples/src/gallery/${name}.ts)`),
      Command.run({ version: "0.1.0" })
    )
})

export const commands: Readonly<Record<string, ReturnType<typeof gallery>>> = {
  adaptive: gallery("an HTTP client whose pool finds out how much its server can take", {
    workers: integer("workers", "How many workers the server has", 16),
    seconds: integer("seconds", "How long the client asks", 30),
    loseAfter: count(
      "lose-after",
      "Half of the workers go after so many seconds; in a terminal, also whenever Enter is pressed"
    ).pipe(Flag.optional)
  }, () => import("./gallery/adaptive.ts")),
  cluster: gallery("three processes with one budget of slots; one is killed", {
    seconds: integer("seconds", "How long it is shown before one is killed, and after that", 5),
    size: integer("size", "How many jobs run concurrently, over all processes", 12)
  }, () => import("./gallery/cluster.ts")),
  dashboard: gallery(
    "four pools with uneven load on a live page, to resize and pause them",
    page,
    () => import("./gallery/dashboard.ts")
  ),
  "dashboard-password": gallery(
    "a live page of a pool; a password allows steering",
    page,
    () => import("./gallery/dashboard-password.ts")
  ),
  echo: gallery(
    "a TCP server that sends back what it receives; its connections run in the pool",
    { port: listenOn, size: integer("size", "How many connections are served concurrently", 1000) },
    () => import("./gallery/echo.ts")
  ),
  feedscraper: gallery(
    "an HTTP server that returns the titles of feeds: a pile for each request",
    { port: listenOn, size: integer("size", "How many feeds are fetched concurrently", 20) },
    () => import("./gallery/feedscraper.ts")
  ),
  importer: gallery("a CSV of a million rows into SQLite: imap over batches, resumable", {
    file: file("A CSV with the columns id,email,amount,day,note; without it, a generated one"),
    generate: integer("generate", "Without FILE: how many rows are generated, into import-N.csv", 1_000_000),
    db: path("db", "The database", "import.sqlite"),
    batch: integer("batch", "Rows in a transaction", 1000),
    size: integer("size", "Batches in flight", 4)
  }, () => import("./gallery/importer.ts")),
  "llm-batch": gallery("sends thousands of prompts to a rate-limited API; resumable", {
    file: file(`Prompts, one a line, or as .jsonl {"id": …, "prompt": …}; without it, generated ones`),
    out: path("out", "Where the answers go", "answers.jsonl"),
    url: url("url", "The API, such as https://api.openai.com/v1, with its key in API_KEY; without it, an embedded one"),
    model: Flag.String("model").pipe(Flag.withDescription("The model to ask, needed with --url"), Flag.optional),
    size: integer("size", "How many requests are in flight at most", 20),
    adaptive: toggle("adaptive", "Find out how many the API can take, up to --size"),
    rate: integer("rate", "Requests a second", 300),
    prompts: integer("prompts", "Without FILE: how many are generated", 2000)
  }, () => import("./gallery/llm-batch.ts")),
  metrics: gallery("an HTTP server whose pool Prometheus measures, with a load of its own", {
    port: port("Where to listen; 0: any free port (default: 9464)").pipe(Flag.withDefault(9464)),
    peak: integer("peak", "Requests a second of its own at the most, of which it can do 80; 0: none", 160, 0)
  }, () => import("./gallery/metrics.ts")),
  "producer-consumer": gallery(
    "visits the pages of a site: a queue feeds the pool",
    crawl,
    () => import("./gallery/producer-consumer.ts")
  ),
  "recursive-crawler": gallery(
    "follows the links of a site: jobs that start jobs",
    crawl,
    () => import("./gallery/recursive-crawler.ts")
  ),
  tenants: gallery("an HTTP server with a pool for each tenant, made when needed: LayerMap", {
    port: port("Only serve, there; without it, the server gets some clients, and ends").pipe(Flag.optional),
    seconds: integer("seconds", "How long the clients ask", 3)
  }, () => import("./gallery/tenants.ts")),
  thumbnails: gallery(
    "durable jobs whose process is killed half way, and go on",
    { images: integer("images", "How many images get thumbnails", 60) },
    () => import("./gallery/thumbnails.ts")
  ),
  traces: gallery(
    "an HTTP server whose traces show the waits for slots: a tree, and OTLP",
    {
      collector: url(
        "collector",
        "Where to send spans by OTLP over HTTP (default: http://localhost:4318 if it answers)"
      ),
      requests: integer("requests", "How many concurrent requests, for a pool of size 1", 9)
    },
    () => import("./gallery/traces.ts")
  ),
  webcrawler: gallery("fetches URLs and prints the size of each, in order: imap", {
    urls: Argument.String("URL").pipe(
      Argument.withDescription("What to fetch; without any, the pages of an embedded site"),
      Argument.variadic()
    )
  }, () => import("./gallery/webcrawler.ts"))
}
