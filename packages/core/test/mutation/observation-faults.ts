/**
 * The faults in what is seen from outside: how jobs are counted, changes, metrics, spans and warnings.
 */
import { type Fault, faultsOf } from "./fault.ts"

const tally = faultsOf("internal/outcomes.ts", ["slots", "imap", "bounds"], [
  {
    name: "a failure counts as a success",
    find: "else this.failed++",
    replace: "else this.succeeded++"
  },
  {
    name: "a failure with an interruption beside it counts as interrupted",
    find: "Cause.hasInterruptsOnly(exit.cause)",
    replace: "Cause.hasInterrupts(exit.cause)",
    tests: ["slots", "reports", "longlife"]
  }
])

const changes = faultsOf("internal/changes.ts", ["changes"], [
  {
    name: "a reader who leaves takes the news from the others",
    find: "if (this.readers.isEmpty) this.ledger",
    replace: "this.pool"
  },
  {
    name: "a state is told again that has not changed",
    find: "const isNew = !Equal.equals(reader.seen, stats)",
    replace: "const isNew = true"
  },
  {
    name: "states are compared by identity",
    find: "!Equal.equals(reader.seen, stats)",
    replace: "reader.seen !== stats"
  },
  {
    name: "changes do not end",
    find: "const isLast = this.isOver()",
    replace: "const isLast = false"
  },
  {
    name: "changes end before the last jobs of the pool have",
    find: "const isLast = this.isOver()",
    replace: "const isLast = this.pool.closed"
  },
  {
    name: "changes end without the last state",
    find: "isNew ? stats : undefined",
    replace: "isLast ? undefined : stats"
  },
  {
    name: "changes wait for the first",
    find: "seen === undefined ? Effect.sync(() => this.ledger.snapshot()) : this.after(seen)",
    replace: "this.after(seen as PoolStats)"
  }
])

const meter = faultsOf("internal/meter.ts", ["metrics"], [
  {
    name: "buckets do not add up",
    find: "below += counts[i]!",
    replace: "below = counts[i]!"
  },
  {
    name: "times end at the first bucket",
    find: "bucket++\n",
    replace: "return\n"
  },
  {
    name: "every pool has a meter of its own",
    find: "    let meter = named.get(key)\n",
    replace: "    let meter: Meter | undefined\n"
  },
  {
    name: "metrics go to the registry that is there by default",
    find: "Context.get(context, Metric.MetricRegistry)",
    replace: "Context.get(Context.empty(), Metric.MetricRegistry)"
  },
  {
    name: "pools of all names share a meter",
    find: "JSON.stringify([pool, ...",
    replace: "JSON.stringify([..."
  },
  {
    name: "pools share a meter whatever attributes are around them",
    find: "JSON.stringify([pool, ...Object.keys(around).sort().map((name) => [name, around[name]])])",
    replace: "pool"
  },
  {
    name: "attributes around the pool hide its own",
    find: "const { outcome: _outcome, pool: _pool, ...around } =",
    replace: "const around =",
    tests: ["metrics"]
  },
  {
    name: "attributes around the pool keep their order",
    find: "Object.keys(around).sort()",
    replace: "Object.keys(around)",
    tests: ["metrics"]
  },
  {
    name: "metrics lack the attributes around the pool",
    find: "Context.add(Metric.CurrentMetricAttributes, around)",
    replace: "(own) => own"
  },
  {
    name: "buckets end at a minute",
    find: "30, 60, 120, 300]",
    replace: "30, 60]"
  },
  {
    name: "gauges tell the size of the queue for that of the pool",
    find: "\"permits\"]",
    replace: "\"waiting\"]"
  },
  {
    name: "waits and runs are mixed up",
    find: "histogram(\"wait\", this.waits)",
    replace: "histogram(\"wait\", this.runs)"
  }
])

const slowWait = faultsOf("internal/slow-wait.ts", ["slow-wait"], [
  {
    name: "slowWait warns once a second",
    find: "const Pause = 60_000",
    replace: "const Pause = 1_000"
  },
  {
    name: "slowWait warns of one who has just come",
    find: "now >= this.due(since)",
    replace: "true"
  },
  {
    name: "slowWait does not name the pool",
    find: ".pipe(Effect.annotateLogs(\"pool\", this.pool))",
    replace: ""
  },
  {
    name: "slowWait is an error",
    find: "Effect.logWarning",
    replace: "Effect.logError"
  },
  {
    name: "slowWait logs elsewhere",
    find: "Effect.runForkWith(this.context)(",
    replace: "Effect.runFork("
  },
  {
    name: "slowWait says how many run for how many wait",
    find: "waiting ${waiting}",
    replace: "waiting ${taken + 1}"
  }
])

const trace = faultsOf("internal/trace.ts", ["tracing"], [
  {
    name: "a span of a wait does not tell the pool",
    file: "internal/wait.ts",
    find: "\"greenpool.pool\": pool, ",
    replace: ""
  },
  {
    name: "a span of a wait does not tell the size",
    file: "internal/wait.ts",
    find: ", \"greenpool.size\": size",
    replace: ""
  },
  {
    name: "a span of a wait is under no other",
    file: "internal/wait.ts",
    find: "Effect.runSyncWith(context)",
    replace: "Effect.runSync"
  },
  {
    name: "a span of a wait ends by another clock",
    file: "internal/wait.ts",
    find: "Context.get(context, Clock.Clock)",
    replace: "Context.get(Context.empty(), Clock.Clock)"
  },
  {
    name: "a tracer that throws stops the pool",
    file: "internal/wait.ts",
    find: "void Effect.runFork(Effect.sync(() => span.end(isTimed ? clock.currentTimeNanosUnsafe() : 0n, exit)))",
    replace: "span.end(isTimed ? clock.currentTimeNanosUnsafe() : 0n, exit)",
    tests: ["tracing-reentrancy"]
  },
  {
    name: "a span of a wait ends well, always",
    file: "internal/wait.ts",
    find: "0n, exit)",
    replace: "0n, { _tag: \"Success\", value: undefined } as never)"
  }
])

const slots = faultsOf("internal/slots.ts", ["metrics", "tracing", "changes", "slow-wait"], [
  {
    name: "waits are in milliseconds",
    file: "internal/ledger.ts",
    find: "start((now - since) / 1000)",
    replace: "start(now - since)",
    tests: ["metrics"]
  },
  {
    name: "runs are in milliseconds",
    file: "internal/ledger.ts",
    find: "end((now - since) / 1000, exit)",
    replace: "end(now - since, exit)",
    tests: ["metrics"]
  },
  {
    name: "a run is measured from the way into the queue on",
    find: "    job.since = now\n",
    replace: "    if (job.since === 0n) job.since = now\n",
    tests: ["metrics"]
  }
])

const options = faultsOf("GreenPoolOptions.ts", ["metrics", "tracing", "slow-wait", "schema"], [
  {
    name: "metrics are never kept",
    find: "metrics: metrics === true",
    replace: "metrics: false"
  },
  {
    name: "waits are never traced",
    find: "tracing: tracing === true",
    replace: "tracing: false"
  },
  {
    name: "slowWait may be negative",
    find: "milliseconds(\"slowWait\", slowWait)",
    replace: "Duration.toMillis(slowWait)"
  },
  {
    name: "slowWait is a second by default",
    find: "slowWait === undefined ? Infinity",
    replace: "slowWait === undefined ? 1000"
  },
  {
    name: "the options lose metrics",
    find: "  metrics: Schema.optional(Schema.Boolean),\n",
    replace: "",
    tests: ["schema"]
  },
  {
    name: "the options lose tracing",
    find: "  tracing: Schema.optional(Schema.Boolean),\n",
    replace: "",
    tests: ["schema"]
  },
  {
    name: "slowWait is read as a number",
    find: "slowWait: Schema.optional(Schema.DurationFromString)",
    replace: "slowWait: Schema.optional(Schema.Finite)",
    tests: ["schema"]
  }
])

const alarm = faultsOf("internal/timers.ts", ["slow-wait", "bounds"], [
  {
    name: "a call at a time comes that much later",
    find: "new Timer(this, time, ",
    replace: "new Timer(this, this.now + time, "
  }
])

const surface = faultsOf("internal/verbs.ts", ["changes"], [
  {
    name: "a pool has no changes",
    find: "access.stream(({ pool }) => pool.changes.stream)",
    replace: "Stream.empty"
  }
])

export const observation: ReadonlyArray<Fault> = [
  ...tally,
  ...changes,
  ...meter,
  ...slowWait,
  ...trace,
  ...slots,
  ...options,
  ...alarm,
  ...surface
]
