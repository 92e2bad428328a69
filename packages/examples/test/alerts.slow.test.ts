import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { observing, promtool, temporaryFolder } from "./prometheus.ts"

/** What each alert says, of the instance `a` or of all together, in the order of the file. */
const summaries = {
  GreenPoolSaturated: "The pool api of app on a has had no free slot and callers in the queue for most of 5 minutes.",
  GreenPoolRejects: "The pool api of app on a rejects 25% of its callers.",
  GreenPoolSlowWaits: "One of 100 jobs of the pool api of app on a waits for its slot for 2.485s or longer.",
  GreenPoolSaturatedOverall:
    "The pools api of all instances of app together have had no free slot and callers in the queue for most of 5 minutes.",
  GreenPoolRejectsOverall: "The pools api of all instances of app together reject 25% of their callers."
}

type Alert = keyof typeof summaries

/** A pool, with its figures every 30 seconds in the notation of promtool. */
interface Figures {
  readonly running?: string
  readonly waiting?: string
  /** Jobs in 30 seconds that succeed, that are rejected, and that have waited for 2 s. */
  readonly succeeded?: number
  readonly rejected?: number
  readonly slow?: number
}

const pool = (instance: string, figures: Figures) => {
  const { rejected = 0, running = "4x60", slow = 0, succeeded = 90, waiting = "0x60" } = figures
  const series = (name: string, labels: string, values: string) => ({
    series: `greenpool_${name}{job="app",instance="${instance}",pool="api"${labels}}`,
    values
  })
  return [
    series("size", "", "4x60"),
    series("running", "", running),
    series("waiting", "", waiting),
    series("jobs_total", `,outcome="success"`, `0+${succeeded}x60`),
    series("jobs_total", `,outcome="rejection"`, `0+${rejected}x60`),
    series("wait_seconds_bucket", `,le="1"`, `0+${succeeded - slow}x60`),
    series("wait_seconds_bucket", `,le="2.5"`, `0+${succeeded}x60`),
    series("wait_seconds_bucket", `,le="+Inf"`, `0+${succeeded}x60`),
    series("wait_seconds_count", "", `0+${succeeded}x60`)
  ]
}

/** That of all alerts only these are ringing after so many minutes, with these summaries. */
const expecting = (minutes: number, ringing: ReadonlyArray<Alert>, said: Partial<typeof summaries> = {}) =>
  Object.entries({ ...summaries, ...said }).map(([alertname, summary]) => {
    const isOverall = alertname.endsWith("Overall")
    const exp_labels = isOverall
      ? { severity: "critical", job: "app", pool: "api" }
      : { severity: "warning", job: "app", instance: "a", pool: "api" }
    return {
      eval_time: `${minutes}m`,
      alertname,
      exp_alerts: ringing.some((name) => name === alertname) ? [{ exp_labels, exp_annotations: { summary } }] : []
    }
  })

/** Has the alerts of the documents evaluated at these figures. */
const check = (input_series: ReturnType<typeof pool>, ...expected: ReadonlyArray<ReturnType<typeof expecting>>) =>
  Effect.gen(function*() {
    const file = join(yield* temporaryFolder, "test.yml")
    const test = { interval: "30s", input_series, alert_rule_test: expected.flat() }
    // YAML is a superset of JSON.
    writeFileSync(file, JSON.stringify({ rule_files: [join(observing, "alerts.yml")], tests: [test] }))
    execFileSync(promtool!, ["test", "rules", file], { stdio: "pipe" })
  }).pipe(Effect.scoped)

const effect = it.effect.skipIf(promtool === undefined)

const saturated = { waiting: "50x60" }
const idle = { running: "0x60" }

describe("the alerts of the documents", { timeout: 30_000 }, () => {
  effect(
    "ring when a pool has been full for 5 minutes, with callers in the queue",
    () =>
      check(
        pool("a", saturated),
        expecting(4, []),
        expecting(6, ["GreenPoolSaturated", "GreenPoolSaturatedOverall"])
      )
  )

  effect(
    "ring for one instance beside an idle one, and then not for all together",
    () =>
      check(
        [...pool("a", { ...saturated, rejected: 30 }), ...pool("b", { ...idle, succeeded: 600 })],
        expecting(12, ["GreenPoolSaturated", "GreenPoolRejects"])
      )
  )

  effect("do not ring for a pool that is full and has an empty queue", () => check(pool("a", {}), expecting(20, [])))

  effect(
    "ring and go on ringing though one scrape of ten sees a free slot",
    () =>
      check(
        pool("a", { running: "4x8 3 ".repeat(6), waiting: "3x8 0 ".repeat(6) }),
        ...[6, 9, 12, 17, 18, 20].map((minute) =>
          expecting(minute, ["GreenPoolSaturated", "GreenPoolSaturatedOverall"])
        )
      )
  )

  effect(
    "do not ring for a pool that is full now and then",
    () =>
      check(
        pool("a", { running: "4x5 1x5 ".repeat(5), waiting: "9x5 0x5 ".repeat(5) }),
        expecting(14, [])
      )
  )

  effect(
    "ring when a pool rejects more than one of 20 callers",
    () =>
      check(
        pool("a", { rejected: 30 }),
        expecting(5, []),
        expecting(12, ["GreenPoolRejects", "GreenPoolRejectsOverall"])
      )
  )

  effect(
    "ring when more than one of 100 jobs has waited for over a second",
    () => check(pool("a", { slow: 90 }), expecting(2, []), expecting(12, ["GreenPoolSlowWaits"]))
  )

  effect(
    "ring as slow waits, too, for a pool in which nothing starts",
    () =>
      check(
        pool("a", { ...saturated, succeeded: 0 }),
        expecting(4, []),
        expecting(8, ["GreenPoolSaturated", "GreenPoolSaturatedOverall", "GreenPoolSlowWaits"], {
          GreenPoolSlowWaits: "One of 100 jobs of the pool api of app on a waits for its slot for 5m 0s or longer."
        })
      )
  )
})
