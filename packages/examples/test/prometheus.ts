/** A real Prometheus server, with the configuration and the alerts of the documents. */
import { Effect } from "effect"
import { cpSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { findProgram } from "../../../scripts/runtimes/debian.ts"
import { folder, startProcess } from "./outside.ts"

/** Where the documents have what Prometheus and Grafana read. */
export const observing = fileURLToPath(new URL("../../../docs/observing", import.meta.url))

export const prometheus = findProgram("prometheus", "prometheus")

/** Checks configurations and rules; it comes with Prometheus. */
export const promtool = prometheus === undefined ? undefined : findProgram("promtool", "prometheus")

if (prometheus === undefined) {
  console.warn(
    "Tests with a Prometheus are skipped: there is none, and Debian's package cannot be had. Install it by: apt-get install prometheus"
  )
}

interface Answer<A> {
  readonly status: string
  readonly error?: string
  readonly data: A
}

type Vector = { readonly result: ReadonlyArray<{ readonly value: readonly [time: number, text: string] }> }
type Rule = { readonly name: string; readonly query: string; readonly health: string }
type Rules = { readonly groups: ReadonlyArray<{ readonly rules: ReadonlyArray<Rule> }> }

/**
 * Starts a Prometheus that scrapes the address five times a second, until the scope closes. It begins 5 s after its
 * start; nothing can make it begin sooner.
 */
export const startPrometheus = Effect.fn("startPrometheus")(function*(address: string) {
  const { path, read, write } = yield* folder
  cpSync(observing, path, { recursive: true })
  const config = read("prometheus.yml").replace(/(scrape_interval|evaluation_interval): \S+/g, "$1: 200ms")
  write("prometheus.yml", config.replace("localhost:9464", new URL(address).host))

  const args = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:0"]
  // Else it waits for another 5 s.
  const soon = "--scrape.discovery-reload-interval=100ms"
  const { output, said } = yield* startProcess(prometheus!, [...args, soon], path)
  // Either may come first.
  const ready = Effect.all([said(/"Listening on" address=(\S+)/, "stderr"), said(/Server is ready/, "stderr")])
  const [[, origin]] = yield* Effect.timeout(ready, "10 seconds").pipe(
    Effect.catchTag("TimeoutError", () => Effect.die(`Prometheus does not start: ${output.stderr}`))
  )
  const get = <A>(path: string) =>
    Effect.tryPromise(async () => {
      const answer = await (await fetch(`http://${origin}/api/v1/${path}`)).json() as Answer<A>
      return answer.status === "success" ? answer.data : Promise.reject(answer.error)
    })
  return {
    query: (expression: string) =>
      Effect.map(
        get<Vector>(`query?${new URLSearchParams({ query: expression })}`),
        ({ result }) => result.map(({ value }) => Number(value[1]))
      ),
    names: get<ReadonlyArray<string>>("label/__name__/values"),
    rules: Effect.map(get<Rules>("rules"), ({ groups }) => groups.flatMap(({ rules }) => rules))
  }
})
