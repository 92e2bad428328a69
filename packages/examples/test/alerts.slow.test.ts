import { describe } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { live } from "./live.ts"
import { folder } from "./outside.ts"
import { observing, promtool } from "./prometheus.ts"

/** What each alert says, of the instance `a` or of all together, in the order of the file. */
const summaries = (wait: string) => ({
  GreenPoolSaturated: "The pool api of app on a has had no free slot and callers in the queue for most of 5 minutes.",
  GreenPoolRejects: "The pool api of app on a rejects 25% of its callers.",
  GreenPoolSlowWaits: `One of 100 jobs of the pool api of app on a waits for its slot for ${wait} or longer.`,
  GreenPoolSaturatedOverall:
    "The pools api of all instances of app together have had no free slot and callers in the queue for most of 5 minutes.",
  GreenPoolRejectsOverall: "The pools api of all instances of app together reject 25% of their callers."
})

type Alert = keyof ReturnType<typeof summaries>

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

/** That of all alerts only these are ringing after so many minutes. */
const expecting = (minute: string, ringing: ReadonlyArray<Alert>, wait: string) =>
  Object.entries(summaries(wait)).map(([alertname, summary]) => {
    const labels = alertname.endsWith("Overall") ? { severity: "critical" } : { severity: "warning", instance: "a" }
    const alert = { exp_labels: { ...labels, job: "app", pool: "api" }, exp_annotations: { summary } }
    const exp_alerts = ringing.some((name) => name === alertname) ? [alert] : []
    return { eval_time: `${minute}m`, alertname, exp_alerts }
  })

type Minutes = Readonly<Record<number, ReadonlyArray<Alert>>>

/** Tests which alerts of the documents ring after so many minutes with these figures. */
const ring = (when: string, input_series: ReturnType<typeof pool>, minutes: Minutes, wait = "2.485s") =>
  live.skipIf(promtool === undefined)(when, function*() {
    const alert_rule_test = Object.entries(minutes).flatMap(([minute, ringing]) => expecting(minute, ringing, wait))
    const tests = [{ interval: "30s", input_series, alert_rule_test }]
    // YAML is a superset of JSON.
    const content = JSON.stringify({ rule_files: [`${observing}/alerts.yml`], tests })
    const file = (yield* folder).write("test.yml", content)
    execFileSync(promtool!, ["test", "rules", file], { stdio: "pipe" })
  })

const saturated = { waiting: "50x60" }
const idle = { running: "0x60", succeeded: 600 }
const full = ["GreenPoolSaturated", "GreenPoolSaturatedOverall"] as const
const rejecting = ["GreenPoolRejects", "GreenPoolRejectsOverall"] as const

describe("the alerts of the documents ring", { timeout: 30_000 }, () => {
  ring("when a pool has been full for 5 minutes, with a queue", pool("a", saturated), { 4: [], 6: full })

  const one = [...pool("a", { ...saturated, rejected: 30 }), ...pool("b", idle)]
  ring("for one instance beside an idle one, and then not for all together", one, {
    12: ["GreenPoolSaturated", "GreenPoolRejects"]
  })

  ring("not for a pool that is full and has an empty queue", pool("a", {}), { 20: [] })

  const nearly = pool("a", { running: "4x8 3 ".repeat(6), waiting: "3x8 0 ".repeat(6) })
  const always = Object.fromEntries([6, 9, 12, 17, 18, 20].map((minute) => [minute, full]))
  ring("and go on ringing though one scrape of ten sees a free slot", nearly, always)

  const atTimes = pool("a", { running: "4x5 1x5 ".repeat(5), waiting: "9x5 0x5 ".repeat(5) })
  ring("not for a pool that is full now and then", atTimes, { 14: [] })

  ring("when a pool rejects more than one of 20 callers", pool("a", { rejected: 30 }), { 5: [], 12: rejecting })

  const slow = ["GreenPoolSlowWaits"] as const
  ring("when more than one of 100 jobs has waited for over a second", pool("a", { slow: 90 }), { 2: [], 12: slow })

  const stuck = pool("a", { ...saturated, succeeded: 0 })
  ring("as slow waits, too, for a pool in which nothing starts", stuck, { 4: [], 8: [...full, ...slow] }, "5m 0s")
})
