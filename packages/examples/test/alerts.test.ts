import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { observing, promtool, temporaryFolder } from "./prometheus.ts"

/** What each alert says, in the order of the file. */
const summaries = {
  GreenPoolSaturated: "The pool api of app has had no free slot for 5 minutes, and callers in line.",
  GreenPoolTurnsAway: "The pool api of app turns away 25% of its callers.",
  GreenPoolSlowWaits: "One of 100 jobs of the pool api of app waits for its slot for 2.485s or longer."
}

type Alert = keyof typeof summaries

const series = (name: string, labels: string, values: string) => ({
  series: `greenpool_${name}{job="app",pool="api"${labels}}`,
  values
})

/** A pool, minute by minute: jobs and callers in line, callers turned away a minute, and jobs that waited for 2 s. */
const pool = (waiting: number, rejected: number, slow: number) => [
  series("size", "", "4x20"),
  series("running", "", "4x20"),
  series("waiting", "", `${waiting}x20`),
  series("jobs_total", `,outcome="success"`, "0+90x20"),
  series("jobs_total", `,outcome="rejection"`, `0+${rejected}x20`),
  series("wait_seconds_bucket", `,le="1"`, `0+${90 - slow}x20`),
  series("wait_seconds_bucket", `,le="2.5"`, "0+90x20"),
  series("wait_seconds_bucket", `,le="+Inf"`, "0+90x20")
]

const exp_labels = { severity: "warning", job: "app", pool: "api" }

/** That of all alerts only these are ringing after so many minutes. */
const expecting = (minutes: number, ringing: ReadonlyArray<Alert>) =>
  Object.entries(summaries).map(([alertname, summary]) => ({
    eval_time: `${minutes}m`,
    alertname,
    exp_alerts: ringing.some((name) => name === alertname) ? [{ exp_labels, exp_annotations: { summary } }] : []
  }))

/** Has the alerts of the documents evaluated at these figures. */
const check = (input_series: ReturnType<typeof pool>, alert_rule_test: ReturnType<typeof expecting>) =>
  Effect.gen(function*() {
    const file = join(yield* temporaryFolder, "test.yml")
    const test = { interval: "1m", input_series, alert_rule_test }
    // YAML is a superset of JSON.
    writeFileSync(file, JSON.stringify({ rule_files: [join(observing, "alerts.yml")], tests: [test] }))
    execFileSync(promtool!, ["test", "rules", file], { stdio: "pipe" })
  }).pipe(Effect.scoped)

const effect = it.effect.skipIf(promtool === undefined)

describe("the alerts of the documents", () => {
  effect(
    "ring when a pool has been full for 5 minutes, with callers in line",
    () => check(pool(3, 0, 0), [...expecting(4, []), ...expecting(6, ["GreenPoolSaturated"])])
  )

  effect("do not ring for a pool that is full and has nobody in line", () => check(pool(0, 0, 0), expecting(20, [])))

  effect(
    "ring when a pool turns away more than one of 20 callers",
    () => check(pool(0, 30, 0), [...expecting(5, []), ...expecting(12, ["GreenPoolTurnsAway"])])
  )

  effect(
    "ring when more than one of 100 jobs has waited for over a second",
    () => check(pool(0, 4, 90), [...expecting(5, []), ...expecting(12, ["GreenPoolSlowWaits"])])
  )
})
