// The command lines of the gallery. Each of its files exports `main`, which takes the values of these flags.
import type { Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import * as dashboardPassword from "./dashboard-password.ts"
import * as dashboard from "./dashboard.ts"
import { count, integer, path, port, start, toggle, url } from "./flags.ts"
import * as adaptive from "./gallery/adaptive.ts"
import * as cluster from "./gallery/cluster.ts"
import * as echo from "./gallery/echo.ts"
import * as feedscraper from "./gallery/feedscraper.ts"
import { COLUMNS } from "./gallery/import-check.ts"
import * as importer from "./gallery/importer.ts"
import * as llmBatch from "./gallery/llm-batch.ts"
import * as metrics from "./gallery/metrics.ts"
import * as producerConsumer from "./gallery/producer-consumer.ts"
import * as recursiveCrawler from "./gallery/recursive-crawler.ts"
import * as tenants from "./gallery/tenants.ts"
import * as thumbnails from "./gallery/thumbnails.ts"
import * as traces from "./gallery/traces.ts"
import * as webcrawler from "./gallery/webcrawler.ts"

const listenOn = port("Where to listen (default: any free port)").pipe(Flag.withDefault(0))

const page = port("Where to listen; 0: any free port (default: 3000)").pipe(Flag.withDefault(3000))

const file = (description: string) =>
  Argument.File("FILE", { mustExist: true }).pipe(Argument.withDescription(description), Argument.optional)

const crawl = {
  start: start("The page to start from; without it, that of an embedded site"),
  pages: integer("pages", "How many pages are visited at most", 100)
}

/** What runs a command, given its description. */
const gallery = <const Name extends string, const Config extends Command.Command.Config, E>(
  name: Name,
  config: Config,
  main: (config: Command.Command.Config.Infer<Config>) => Effect.Effect<void, E, Command.Environment>
) =>
(description: string): Effect.Effect<void, unknown, Command.Environment> =>
  Command.make(name, config, main).pipe(Command.withDescription(description), Command.run({ version: "0.1.0" }))

export const commands: Readonly<Record<string, ReturnType<typeof gallery>>> = {
  adaptive: gallery("adaptive", {
    workers: integer("workers", "How many workers the server has", 16),
    seconds: integer("seconds", "How long the client asks", 30),
    loseAfter: count(
      "lose-after",
      "Half of the workers go after so many seconds; in a terminal, also whenever Enter is pressed"
    ).pipe(Flag.optional)
  }, adaptive.main),
  cluster: gallery("cluster", {
    seconds: integer("seconds", "How long it is shown before one is killed, and after that", 5),
    size: integer("size", "How many jobs run concurrently, over all processes", 12)
  }, cluster.main),
  dashboard: gallery("dashboard", { port: page }, dashboard.main),
  "dashboard-password": gallery("dashboard-password", { port: page }, dashboardPassword.main),
  echo: gallery(
    "echo",
    { port: listenOn, size: integer("size", "How many connections are served concurrently", 1000) },
    echo.main
  ),
  feedscraper: gallery("feedscraper", {
    port: listenOn,
    size: integer("size", "How many feeds are fetched concurrently", 20)
  }, feedscraper.main),
  importer: gallery("importer", {
    file: file(`A CSV with the columns ${COLUMNS.join()}; without it, a generated one`),
    generate: integer("generate", "Without FILE: how many rows are generated, into import-N.csv", 1_000_000),
    db: path("db", "The database", "import.sqlite"),
    batch: integer("batch", "Rows in a transaction", 1000),
    size: integer("size", "Batches in flight", 4)
  }, importer.main),
  "llm-batch": gallery("llm-batch", {
    file: file(`Prompts, one a line, or as .jsonl {"id": …, "prompt": …}; without it, generated ones`),
    out: path("out", "Where the answers go", "answers.jsonl"),
    url: url("url", "The API, such as https://api.openai.com/v1, with its key in API_KEY; without it, an embedded one"),
    model: Flag.String("model").pipe(Flag.withDescription("The model to ask, needed with --url"), Flag.optional),
    size: integer("size", "How many requests are in flight at most", 20),
    adaptive: toggle("adaptive", "Find out how many the API can take, up to --size"),
    rate: integer("rate", "Requests a second", 300),
    prompts: integer("prompts", "Without FILE: how many are generated", 2000)
  }, llmBatch.main),
  metrics: gallery("metrics", {
    port: port("Where to listen; 0: any free port (default: 9464)").pipe(Flag.withDefault(9464)),
    peak: integer("peak", "Requests a second of its own at the most, of which it can do 80; 0: none", 160, 0)
  }, metrics.main),
  "producer-consumer": gallery("producer-consumer", crawl, producerConsumer.main),
  "recursive-crawler": gallery("recursive-crawler", crawl, recursiveCrawler.main),
  tenants: gallery("tenants", {
    port: port("Only serve, there; without it, the server gets some clients, and ends").pipe(Flag.optional),
    seconds: integer("seconds", "How long the clients ask", 3)
  }, tenants.main),
  thumbnails: gallery("thumbnails", {
    images: integer("images", "How many images get thumbnails", 60)
  }, thumbnails.main),
  traces: gallery("traces", {
    collector: url("collector", "Where to send spans by OTLP over HTTP (default: http://localhost:4318 if it answers)"),
    requests: integer("requests", "How many concurrent requests, for a pool of size 1", 9)
  }, traces.main),
  webcrawler: gallery("webcrawler", {
    urls: Argument.String("URL").pipe(
      Argument.withDescription("What to fetch; without any, the pages of an embedded site"),
      Argument.variadic()
    )
  }, webcrawler.main)
}
