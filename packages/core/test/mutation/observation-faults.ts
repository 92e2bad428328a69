/**
 * The faults in what is seen from outside: how jobs are counted, changes, metrics, spans and warnings.
 */
import { type Fault, faultsOf } from "./fault.ts"

const tally = faultsOf("internal/tally.ts", ["slots", "imap", "bounds"], [
  {
    name: "a failure counts as a success",
    find: "else this.failed++",
    replace: "else this.succeeded++"
  },
  {
    name: "a failure with an interruption beside it counts as interrupted",
    find: "Cause.hasInterruptsOnly(exit.cause)",
    replace: "Cause.hasInterrupts(exit.cause)",
    tests: ["slots", "reports", "gaps"]
  },
  {
    name: "an interruption counts as a failure",
    find: "else if (Cause.hasInterruptsOnly(exit.cause)) this.interrupted++\n",
    replace: ""
  }
])

const changes = faultsOf("internal/changes.ts", ["changes"], [
  {
    name: "changes are told in the turns of whoever made the pool",
    find: "first.fiber.currentDispatcher.scheduleTask(this.tell, 0)",
    replace: "this.pool.schedule(this.tell)"
  },
  {
    name: "changes are told more than once a turn",
    find: "    if (this.isDue || first === undefined) return\n",
    replace: "    if (first === undefined) return\n"
  },
  {
    name: "changes are told once only",
    find: "    this.isDue = false\n    const",
    replace: "    const"
  },
  {
    name: "nobody tells of changes that came while the reader was away",
    find: "        this.pool.slots.onChange = this.notify\n        this.notify()\n",
    replace: "        this.pool.slots.onChange = this.notify\n"
  },
  {
    name: "nobody asks the pool to tell of changes",
    find: "      this.pool.slots.onChange = this.notify\n",
    replace: ""
  },
  {
    name: "a reader who left is kept",
    find: "        reader.leave()\n",
    replace: ""
  },
  {
    name: "the pool tells of changes when the last reader has left",
    find: "          reader.leave()\n          this.rest()\n",
    replace: "          reader.leave()\n"
  },
  {
    name: "the pool tells of changes when all readers have been told",
    find: "    }\n    this.rest()\n  }",
    replace: "    }\n  }"
  },
  {
    name: "a reader who leaves takes the news from the others",
    find: "if (this.readers.isEmpty) this.pool",
    replace: "this.pool"
  },
  {
    name: "a state is told again that has not changed",
    find: "const isNew = !Equal.equals(reader.seen, present)",
    replace: "const isNew = true"
  },
  {
    name: "states are compared by identity",
    find: "!Equal.equals(reader.seen, present)",
    replace: "reader.seen !== present"
  },
  {
    name: "changes do not end",
    find: "const isLast = this.pool.isOver",
    replace: "const isLast = false"
  },
  {
    name: "changes end before the last jobs of the pool have",
    find: "const isLast = this.pool.isOver",
    replace: "const isLast = this.pool.closed"
  },
  {
    name: "changes end without the last state",
    find: "isNew ? present : undefined",
    replace: "isLast ? undefined : present"
  },
  {
    name: "a reader is told twice",
    find: "      reader.leave()\n      reader.resume",
    replace: "      reader.resume"
  },
  {
    name: "changes wait for the first",
    find: "seen === undefined ? Effect.sync(() => this.pool.snapshot()) : this.after(seen)",
    replace: "this.after(seen as PoolStats)"
  }
])

const meter = faultsOf("internal/meter.ts", ["metrics"], [
  {
    name: "a time that is a boundary is in the next bucket",
    find: "while (seconds > boundaries[bucket]!)",
    replace: "while (seconds >= boundaries[bucket]!)"
  },
  {
    name: "times are not summed",
    find: "    this.sum += seconds\n",
    replace: ""
  },
  {
    name: "times are not counted",
    find: "    this.count++\n",
    replace: ""
  },
  {
    name: "no time is the shortest",
    find: "    if (seconds < this.min) this.min = seconds\n",
    replace: ""
  },
  {
    name: "no time is the longest",
    find: "    if (seconds > this.max) this.max = seconds\n",
    replace: ""
  },
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
    find: "JSON.stringify([pool, ...Object.entries(around).sort(([a], [b]) => a < b ? -1 : 1)])",
    replace: "pool"
  },
  {
    name: "attributes around the pool hide its own",
    find: "const { outcome: _outcome, pool: _pool, ...around } =",
    replace: "const around =",
    tests: ["metrics"]
  },
  {
    name: "attributes around the pool are sorted as text",
    find: ".sort(([a], [b]) => a < b ? -1 : 1)",
    replace: ".sort()",
    tests: ["metrics"]
  },
  {
    name: "metrics lack the attributes around the pool",
    find: "Context.add(Metric.CurrentMetricAttributes, around)",
    replace: "(own) => own"
  },
  {
    name: "a pool is not among those that are open",
    find: "    this.semaphores.add(semaphore)\n",
    replace: ""
  },
  {
    name: "a closed pool is among those that are open",
    find: "    this.semaphores.delete(semaphore)\n",
    replace: ""
  },
  {
    name: "gauges go with the first pool that closes",
    find: "    if (this.semaphores.size > 0) return\n",
    replace: ""
  },
  {
    name: "gauges stay when the pool has closed",
    find: "registration.remove()",
    replace: "void registration"
  },
  {
    name: "counters may go down",
    find: "        incremental: true\n      }))",
    replace: "        incremental: false\n      }))"
  },
  {
    name: "jobs that end are not counted by outcome",
    find: "    this.tally.end(exit)\n",
    replace: ""
  },
  {
    name: "buckets end at a minute",
    find: "30, 60, 120, 300]",
    replace: "30, 60]"
  },
  {
    name: "gauges tell the size of the line for that of the pool",
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
    name: "slowWait sets an alarm for everybody",
    find: "    if (this.call !== undefined) return\n",
    replace: ""
  },
  {
    name: "slowWait forgets the watch that began while it was asked for",
    find: "    this.call ??= call\n",
    replace: "    this.call = call\n"
  },
  {
    name: "slowWait watches on when nobody is there",
    find: "    this.call?.cancel()\n",
    replace: ""
  },
  {
    name: "slowWait watches nobody after a pause",
    find: "    this.call?.cancel()\n    this.call = undefined\n",
    replace: "    this.call?.cancel()\n"
  },
  {
    name: "slowWait watches nobody once the line was empty",
    find: "    this.call = undefined\n    const oldest",
    replace: "    const oldest"
  },
  {
    name: "slowWait warns of one who has just come",
    find: "now >= this.due(since)",
    replace: "true"
  },
  {
    name: "slowWait forgets that it has warned",
    find: "    if (isDue) this.warned = now\n",
    replace: ""
  },
  {
    name: "slowWait warns once",
    find: "    this.call = this.alarm.callAt(this.due(since), this.check)\n",
    replace: ""
  },
  {
    name: "slowWait warns before it has set its alarm",
    find: "    this.call = this.alarm.callAt(this.due(since), this.check)\n",
    replace:
      "    if (isDue) this.warn(now - since)\n    this.call = this.alarm.callAt(this.due(since), this.check)\n    if (isDue) return\n"
  },
  {
    name: "slowWait says nothing",
    find: "    if (isDue) this.warn(now - since)\n",
    replace: ""
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
    find: "\"greenpool.pool\": pool, ",
    replace: ""
  },
  {
    name: "a span of a wait does not tell the size",
    find: ", \"greenpool.size\": size",
    replace: ""
  },
  {
    name: "a span of a wait is under no other",
    find: "Effect.runSyncWith(context)",
    replace: "Effect.runSync"
  },
  {
    name: "a span of a wait ends at no time",
    find: "isTimed ? clock.currentTimeNanosUnsafe() : 0n",
    replace: "0n"
  },
  {
    name: "a span of a wait has a time where the caller wants none",
    find: "isTimed ? clock.currentTimeNanosUnsafe() : 0n",
    replace: "clock.currentTimeNanosUnsafe()"
  },
  {
    name: "a span of a wait ends by another clock",
    find: "Context.get(context, Clock.Clock)",
    replace: "Context.get(Context.empty(), Clock.Clock)"
  },
  {
    name: "a tracer that throws stops the pool",
    find: "void Effect.runFork(Effect.sync(() => span.end(isTimed ? clock.currentTimeNanosUnsafe() : 0n, exit)))",
    replace: "span.end(isTimed ? clock.currentTimeNanosUnsafe() : 0n, exit)"
  },
  {
    name: "a span of a wait ends well, always",
    find: "0n, exit)",
    replace: "0n, { _tag: \"Success\", value: undefined } as never)"
  }
])

const slots = faultsOf("internal/slots.ts", ["metrics", "tracing", "changes", "slow-wait"], [
  {
    name: "a wait does not begin to be watched",
    find: "    this.slowWait?.start()\n",
    replace: "",
    tests: ["slow-wait"]
  },
  {
    name: "nobody is told of those who come into the line",
    find: "    this.slowWait?.start()\n    this.onChange?.()\n",
    replace: "    this.slowWait?.start()\n",
    tests: ["changes"]
  },
  {
    name: "nobody is told of those who start",
    find: "    this.started++\n    this.onChange?.()\n",
    replace: "    this.started++\n",
    tests: ["changes"]
  },
  {
    name: "nobody is told of those who leave",
    find: "    this.onLeave()\n    this.onChange?.()\n",
    replace: "    this.onLeave()\n",
    tests: ["changes"]
  },
  {
    name: "runs are not measured",
    find: "    this.meter?.end(toSeconds(this.now - job.since), exit)\n",
    replace: "",
    tests: ["metrics"]
  },
  {
    name: "waits are not measured",
    find: "    if (this.meter !== undefined) this.measure(job, this.meter)\n",
    replace: "",
    tests: ["metrics"]
  },
  {
    name: "a job that need not wait has waited since the beginning",
    find: "job.state === \"waiting\" ? toSeconds(now - job.since) : 0",
    replace: "toSeconds(now - job.since)",
    tests: ["metrics"]
  },
  {
    name: "waits are in milliseconds",
    find: "toSeconds(now - job.since)",
    replace: "toMillis(now - job.since)",
    tests: ["metrics"]
  },
  {
    name: "runs are in milliseconds",
    find: "toSeconds(this.now - job.since)",
    replace: "toMillis(this.now - job.since)",
    tests: ["metrics"]
  },
  {
    name: "a run is measured from the way into the line on",
    find: "    job.since = now\n",
    replace: "    if (job.since === 0n) job.since = now\n",
    tests: ["metrics"]
  },
  {
    name: "a span of a wait does not end with the wait",
    find: "    job.terms?.endWait(Exit.void)\n",
    replace: "",
    tests: ["tracing"]
  },
  {
    name: "a span of a wait ends before the pool has changed",
    find: "    this.granted(job)\n    // First",
    replace: "    job.terms?.endWait(Exit.void)\n    this.granted(job)\n    // First",
    tests: ["tracing"]
  },
  {
    name: "a tracer that brings slots to others has them go on first",
    find: "    job.onGrant()\n    job.terms?.endWait(Exit.void)\n",
    replace: "    job.terms?.endWait(Exit.void)\n    job.onGrant()\n",
    tests: ["tracing-reentrancy"]
  },
  {
    name: "a tracer that brings slots to others has them go on before a loan",
    find: "    seeker.job.onGrant()\n    terms?.endWait(Exit.void)\n",
    replace: "    terms?.endWait(Exit.void)\n    seeker.job.onGrant()\n",
    tests: ["tracing-reentrancy"]
  },
  {
    name: "a job keeps the span of its wait",
    find: "    this.endSpan = undefined\n",
    replace: "",
    tests: ["tracing"]
  },
  {
    name: "a span of a wait does not end with a loan",
    find: "    seeker.job.onGrant()\n    terms?.endWait(Exit.void)\n",
    replace: "    seeker.job.onGrant()\n",
    tests: ["tracing"]
  },
  {
    name: "a span of a wait that fails does not end",
    find: "    terms?.endWait(terms.refusal === undefined ? Exit.interrupt() : Exit.fail(terms.refusal))\n",
    replace: "",
    tests: ["tracing"]
  },
  {
    name: "a span of a wait that is too long is interrupted",
    find: "terms.refusal === undefined ? Exit.interrupt() : Exit.fail(terms.refusal))",
    replace: "Exit.interrupt())",
    tests: ["tracing"]
  }
])

const pool = faultsOf("internal/pool.ts", ["metrics", "tracing", "changes", "slow-wait"], [
  {
    name: "a span of a wait that is over does not end",
    find: "      job.terms?.endWait(job.state === \"holding\" ? Exit.void : Exit.interrupt())\n",
    replace: "",
    tests: ["tracing-reentrancy"]
  },
  {
    name: "a span of a wait that the close ends has gone well",
    find: "job.terms?.endWait(job.state === \"holding\" ? Exit.void : Exit.interrupt())",
    replace: "job.terms?.endWait(Exit.void)",
    tests: ["tracing-reentrancy"]
  },
  {
    name: "every pool is measured",
    find: "if (settings.metrics) {",
    replace: "{",
    tests: ["metrics"]
  },
  {
    name: "the series are not there before the first job",
    find: "      this.slots.meter.open(this.slots.semaphore)\n",
    replace: "",
    tests: ["metrics"]
  },
  {
    name: "every pool warns",
    find: "if (settings.slowWait !== Infinity) {",
    replace: "{",
    tests: ["slow-wait"]
  },
  {
    name: "every pool is traced",
    find: "if (this.settings.tracing) termsOf(job)",
    replace: "termsOf(job)",
    tests: ["tracing"]
  },
  {
    name: "metrics do not tell who is turned away",
    find: "    if (meter !== undefined) meter.tally.rejected++\n",
    replace: "",
    tests: ["metrics"]
  },
  {
    name: "nobody is told who is turned away",
    find: "    this.slots.onChange?.()\n    return new PoolFull",
    replace: "    return new PoolFull",
    tests: ["changes"]
  },
  {
    name: "nobody is told of a resize",
    find: "        this.slots.onChange?.()\n",
    replace: "",
    tests: ["changes"]
  },
  {
    name: "nobody is told that an idle pool has closed",
    find: "    this.changes.notify()\n",
    replace: "",
    tests: ["changes"]
  },
  {
    name: "gauges stay after the close",
    find: "this.slots.meter?.close(this.slots.semaphore)",
    replace: "void 0",
    tests: ["metrics"]
  },
  {
    name: "an idle pool watches its line",
    find: "    this.slots.slowWait?.stop()\n",
    replace: "",
    tests: ["slow-wait"]
  },
  {
    name: "a closed pool is over though a job runs",
    find: "return this.closed && this.slots.isIdle",
    replace: "return this.closed",
    tests: ["changes"]
  },
  {
    name: "a resize on its way goes on when the pool has closed",
    find: "        if (this.closed) return Effect.interrupt\n",
    replace: "",
    tests: ["close"]
  },
  {
    name: "an idle pool is over",
    find: "return this.closed && this.slots.isIdle",
    replace: "return this.slots.isIdle",
    tests: ["changes"]
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
    name: "slowWait may be NaN",
    find: "Number.isNaN(duration) ? NaN : ",
    replace: "",
    tests: ["slow-wait"]
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

const alarm = faultsOf("internal/alarm.ts", ["slow-wait", "bounds"], [
  {
    name: "a call at a time comes that much later",
    find: "new Call(this, time, ",
    replace: "new Call(this, this.now + time, "
  }
])

const surface = faultsOf("Verbs.ts", ["changes"], [
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
  ...pool,
  ...options,
  ...alarm,
  ...surface
]
