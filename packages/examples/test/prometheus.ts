/**
 * A real Prometheus server, with the configuration and the alerts of the documents.
 */
import { Effect, Schedule, Schema } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { spawn } from "node:child_process"
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { findProgram } from "../../../scripts/runtimes/debian.ts"

/** Where the documents have what Prometheus and Grafana read. */
export const observing = fileURLToPath(new URL("../../../docs/observing", import.meta.url))

/** The program, if there is one. */
export const prometheus = findProgram("prometheus", "prometheus")

/** Checks configurations and rules; it comes with Prometheus. */
export const promtool = prometheus === undefined ? undefined : findProgram("promtool", "prometheus")

if (prometheus === undefined) {
  console.warn(
    "Tests with a Prometheus are skipped: there is none, and Debian's package cannot be had. Install it by: apt-get install prometheus"
  )
}

/** A folder that is gone with the scope. */
export const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "greenpool-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const Answer = <S extends Schema.Constraint>(data: S) => Schema.Struct({ status: Schema.Literal("success"), data })

const metric = Schema.Record(Schema.String, Schema.String)
const Result = Schema.Struct({ metric, value: Schema.Tuple([Schema.Finite, Schema.String]) })
const Vector = Answer(Schema.Struct({ resultType: Schema.Literal("vector"), result: Schema.Array(Result) }))

const Names = Answer(Schema.Array(Schema.String))

const Rule = Schema.Struct({ name: Schema.String, query: Schema.String, health: Schema.String })
const Rules = Answer(Schema.Struct({ groups: Schema.Array(Schema.Struct({ rules: Schema.Array(Rule) })) }))

export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/**
 * Starts a Prometheus that scrapes the address five times a second, until the scope closes. It begins 5 s after its
 * start; nothing can make it begin sooner.
 */
export const startPrometheus = Effect.fn("startPrometheus")(function*(address: string) {
  const folder = yield* temporaryFolder
  cpSync(observing, folder, { recursive: true })
  const config = readFileSync(join(folder, "prometheus.yml"), "utf8")
    .replace(/(scrape_interval|evaluation_interval): \S+/g, "$1: 200ms")
    .replace("localhost:9464", new URL(address).host)
  writeFileSync(join(folder, "prometheus.yml"), config)

  const args = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:0"]
  // Else it waits for another 5 s.
  const soon = "--scrape.discovery-reload-interval=100ms"
  const child = spawn(prometheus!, [...args, soon], { cwd: folder, stdio: ["ignore", "ignore", "pipe"] })
  let output = ""
  child.stderr.setEncoding("utf8").on("data", (text: string) => void (output += text))
  const ended = new Promise<void>((resolve) => child.on("close", () => resolve()))
  yield* Effect.addFinalizer(() => {
    child.kill("SIGKILL")
    return Effect.promise(() => ended)
  })
  const listening = Effect.suspend(() =>
    Effect.fromNullishOr(/"Listening on" address=(\S+)[^]*Server is ready/.exec(output))
  )
  const [, origin] = yield* listening.pipe(
    Effect.retry({ schedule: Schedule.spaced("20 millis") }),
    Effect.timeout("10 seconds"),
    Effect.catchTag("TimeoutError", () => Effect.die(`Prometheus does not start: ${output}`))
  )

  const get = <A, I, RD>(path: string, schema: Schema.Codec<A, I, RD>) =>
    HttpClient.get(`http://${origin}/api/v1/${path}`).pipe(
      Effect.flatMap(HttpClientResponse.filterStatusOk),
      Effect.flatMap(HttpClientResponse.schemaBodyJson(schema))
    )
  return {
    /** What an expression gives now. An expression that Prometheus does not accept is an error. */
    query: (expression: string) =>
      Effect.map(
        get(`query?${new URLSearchParams({ query: expression })}`, Vector),
        ({ data }) => data.result.map(({ metric, value }): Sample => ({ labels: metric, value: Number(value[1]) }))
      ),
    /** The names of all metrics. */
    names: Effect.map(get("label/__name__/values", Names), ({ data }) => data),
    /** The alerts, as they are evaluated. */
    rules: Effect.map(get("rules", Rules), ({ data }) => data.groups.flatMap(({ rules }) => rules))
  }
})
