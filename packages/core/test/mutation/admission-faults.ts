/**
 * The faults in admission: bounds, keys, priorities and draining.
 */
import { type Fault, faultsOf } from "./fault.ts"

const heap = faultsOf("internal/heap.ts", ["heap", "shares", "priority"], [
  {
    name: "who fills a gap in a heap never rises",
    find: "this.place(index, last, rank, number)",
    replace: "this.sink(index, last, rank, number)"
  },
  {
    name: "who fills a gap in a heap never sinks",
    find: "this.place(index, last, rank, number)",
    replace: "this.rise(index, last, rank, number)"
  }
])

const shares = faultsOf("internal/shares.ts", ["shares", "shares-property", "priority"], [
  {
    name: "within a key the last goes first",
    find: "claim.priority, ++this.arrivals)",
    replace: "claim.priority, --this.arrivals)"
  },
  {
    name: "of equal keys the one served last goes first",
    find: "flow.served = ++this.grants",
    replace: "flow.served = -++this.grants"
  },
  {
    name: "keys that were never served come after those that were",
    find: "this.arrivals - Number.MAX_SAFE_INTEGER",
    replace: "this.arrivals"
  },
  {
    name: "of keys that were never served the last goes first",
    find: "this.arrivals - Number.MAX_SAFE_INTEGER",
    replace: "-this.arrivals - 2 ** 50",
    tests: ["shares"]
  },
  {
    name: "the greatest debt is looked at first",
    find: "this.debtors.push(flow, flow.finishTag)",
    replace: "this.debtors.push(flow, -flow.finishTag)"
  },
  {
    name: "a weight that its sum has lost upsets what is fair",
    find: "time / Math.max(this.weights, flow.weight)",
    replace: "time / this.weights"
  },
  {
    name: "the present runs ahead of those in the queue",
    find: "this.advance(this.fair - 2 * this.longest)",
    replace: "this.advance(this.fair)"
  },
  {
    name: "a grant is charged without regard to the weight",
    find: "this.flow.finishTag += estimate / this.flow.weight",
    replace: "this.flow.finishTag += estimate"
  },
  {
    name: "a correction has no regard to the weight",
    find: "(time - this.estimate) / this.flow.weight",
    replace: "time - this.estimate"
  },
  {
    name: "a correction has the wrong sign",
    find: "(time - this.estimate) /",
    replace: "(this.estimate - time) /"
  },
  {
    name: "a job is charged twice",
    find: "(time - this.estimate) /",
    replace: "time /"
  },
  {
    name: "time that goes back is an income",
    find: "Math.max(0, now - this.grantedAt)",
    replace: "now - this.grantedAt",
    equivalent: "Slots are charged by monotonic time, which does not go back: the bound says so."
  },
  {
    name: "the mean time of a job is that of the first",
    find: "mean === undefined ? time : mean + (time - mean) / 8",
    replace: "mean === undefined ? time : mean"
  },
  {
    name: "a level is gained each millisecond",
    find: "boostPerSecond / 1000",
    replace: "boostPerSecond",
    tests: ["priority"]
  },
  {
    name: "a debtor who is served is still among the debtors",
    find: "    const isWaiting = claim.index !== -1\n",
    replace: "    const isWaiting = true\n"
  },
  {
    name: "a key saves up what it does not use",
    find: "    flow.startTag = Math.max(this.virtualTime, flow.finishTag)\n    this.backlogged.push",
    replace: "    flow.startTag = flow.finishTag\n    this.backlogged.push"
  },
  {
    name: "a key in the queue saves up what it does not use",
    find: "    flow.startTag = Math.max(this.virtualTime, flow.finishTag)\n    this.backlogged.move",
    replace: "    flow.startTag = flow.finishTag\n    this.backlogged.move"
  },
  {
    name: "a key that returns has its debt remitted",
    find: "    flow.startTag = Math.max(this.virtualTime, flow.finishTag)\n    this.backlogged.push",
    replace: "    flow.startTag = this.virtualTime\n    this.backlogged.push"
  },
  {
    name: "the present goes back",
    find: "    this.virtualTime = Math.max(this.virtualTime, virtualTime)\n",
    replace: "    this.virtualTime = virtualTime\n"
  },
  {
    name: "what a key did not use is taken off its charge",
    find: "flow.finishTag = isWaiting ? flow.startTag : Math.max(this.virtualTime, flow.finishTag)",
    replace: "flow.finishTag = flow.finishTag"
  },
  {
    name: "the present is never compared with the debts",
    find: "paid !== undefined && paid.finishTag <= this.virtualTime;",
    replace: "paid !== undefined && false;"
  }
])

const alarm = faultsOf("internal/timers.ts", ["bounds", "drain"], [
  {
    name: "the sleep is until the end of all time",
    find: "Duration.millis(until - this.now)",
    replace: "Duration.millis(until)"
  },
  {
    name: "a sleep that is over need not have been long enough",
    find: "Math.max(until, this.now)",
    replace: "this.now"
  },
  {
    name: "calls are at times since the beginning",
    find: "this.now + milliseconds",
    replace: "milliseconds"
  }
])

const slots = faultsOf("internal/slots.ts", ["shares", "priority", "bounds"], [
  {
    name: "nobody knows when he came into the queue",
    find: "    job.since = this.now\n    this.semaphore",
    replace: ""
  },
  {
    name: "an idle pool keeps its keys, which do not rule any more",
    find: "this.shares = this.semaphore.next = undefined",
    replace: "this.semaphore.next = undefined"
  },
  {
    name: "a priority alone ranks nobody",
    find: "options !== undefined && (options.key !== undefined || options.priority !== undefined)",
    replace: "options !== undefined && options.key !== undefined",
    tests: ["priority"]
  },
  {
    name: "a key alone ranks nobody",
    find: "options !== undefined && (options.key !== undefined || options.priority !== undefined)",
    replace: "options !== undefined && options.priority !== undefined"
  },
  {
    name: "slots are charged by the clock on the wall",
    file: "internal/time.ts",
    find: "clock.monotonicTimeNanosUnsafe()) / 1_000_000\n",
    replace: "clock.currentTimeNanosUnsafe()) / 1_000_000\n"
  }
])

const pool = faultsOf("internal/pool.ts", ["bounds", "drain"], [
  {
    name: "maxWait of nested jobs is the pool's",
    file: "internal/gate.ts",
    find: "bounds?.maxWait ?? Infinity",
    replace: "this.settings.maxWait",
    tests: ["bounds"]
  },
  {
    name: "maxWait of a call only shortens the pool's",
    file: "internal/gate.ts",
    find: "asked === undefined ? bounds?.maxWait ?? Infinity : Duration.toMillis(asked)",
    replace: "Math.min(bounds?.maxWait ?? Infinity, asked === undefined ? Infinity : Duration.toMillis(asked))",
    tests: ["bounds"]
  },
  {
    name: "maxWait of zero is none",
    file: "internal/gate.ts",
    find: "    if (maxWait <= 0) return Effect.fail(this.reject(\"WaitTimeout\"))\n",
    replace: "    if (maxWait <= 0) {\n      this.slots.wait(job)\n      return undefined\n    }\n",
    tests: ["bounds"]
  },
  {
    name: "a line is one longer than maxWaiting",
    file: "internal/gate.ts",
    find: "semaphore.waiting + 1 > longest",
    replace: "semaphore.waiting > longest",
    tests: ["bounds"]
  },
  {
    name: "a fraction of a caller is one",
    file: "internal/gate.ts",
    find: "semaphore.waiting + 1 > longest",
    replace: "semaphore.waiting >= longest",
    tests: ["bounds"]
  },
  {
    name: "maxWaiting bounds those who run too",
    file: "internal/gate.ts",
    find: "semaphore.waiting + 1 > longest",
    replace: "semaphore.taken + semaphore.waiting + 1 > longest",
    tests: ["bounds"]
  },
  {
    name: "a full line is told as a long wait",
    file: "internal/gate.ts",
    find: "return Effect.fail(this.reject(\"QueueFull\")",
    replace: "return Effect.fail(this.reject(\"WaitTimeout\")",
    tests: ["bounds"]
  },
  {
    name: "one whose time is over is not told why",
    file: "internal/gate.ts",
    find: "wait.rejection = this.reject(",
    replace: "this.reject(",
    tests: ["bounds"]
  },
  {
    name: "a drain waits for nobody",
    find: "Effect.andThen(this.drained, this.shut)",
    replace: "this.shut",
    tests: ["drain"]
  },
  {
    name: "a pool that has drained is not closed",
    find: "Effect.andThen(this.drained, this.shut)",
    replace: "this.drained",
    tests: ["drain"]
  }
])

const run = faultsOf("internal/run.ts", ["bounds", "drain", "model/model"], [
  {
    name: "runIfAvailable borrows",
    find: "this.pool.gate.enterIfAvailable(this)) return",
    replace: "this.slots.takeOrBorrow(this)) return"
  },
  {
    name: "runIfAvailable takes no note of its key",
    find: "Effect.asSome(effect), options)",
    replace: "Effect.asSome(effect))",
    tests: ["shares", "available"]
  }
])

const spawn = faultsOf("internal/spawn.ts", ["bounds", "drain", "model/model"], [
  {
    name: "spawnIfAvailable borrows",
    find: "job.pool.gate.enterIfAvailable(job)) return",
    replace: "job.slots.takeOrBorrow(job)) return"
  },
  {
    name: "spawn takes no note of what it is asked",
    find: "pool.jobAround(spawner), options)",
    replace: "pool.jobAround(spawner))",
    tests: ["bounds"]
  }
])

const options = faultsOf("GreenPoolOptions.ts", ["schema", "service", "bounds", "drain"], [
  {
    name: "the default size is another",
    find: "const DefaultSize = 1000",
    replace: "const DefaultSize = 100",
    tests: ["service", "schema"]
  },
  {
    name: "the default name is another",
    find: "options.name ?? \"default\"",
    replace: "options.name ?? \"\"",
    tests: ["service", "bounds"]
  },
  {
    name: "the options may hold any size",
    find: "size: Schema.optional(PoolSize)",
    replace: "size: Schema.optional(Schema.Finite)",
    tests: ["schema"]
  },
  {
    name: "the options may hold any maxWaiting",
    find: "maxWaiting: Schema.optional(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0)))",
    replace: "maxWaiting: Schema.optional(Schema.Number)",
    tests: ["schema"]
  },
  {
    name: "the options may hold any priorityBoost",
    find: "priorityBoost: Schema.optional(Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0)))",
    replace: "priorityBoost: Schema.optional(Schema.Number)",
    tests: ["schema"]
  },
  {
    name: "the options hold no drain",
    find: "Schema.Literals([\"interrupt\", \"drain\"])",
    replace: "Schema.Literals([\"interrupt\"])",
    tests: ["schema"]
  },
  {
    name: "the options lose drainTimeout",
    find: "  drainTimeout: Schema.optional(Schema.DurationFromString),\n",
    replace: "",
    tests: ["schema"]
  },
  {
    name: "maxWait is read as a number",
    find: "maxWait: Schema.optional(Schema.DurationFromString)",
    replace: "maxWait: Schema.optional(Schema.Finite)",
    tests: ["schema"]
  },
  {
    name: "maxWaiting as a function may give anything",
    find: "checkMaxWaiting(maxWaiting(size))",
    replace: "maxWaiting(size)",
    tests: ["bounds"]
  },
  {
    name: "maxWaiting may be anything",
    find: "Infinity : checkMaxWaiting(maxWaiting))",
    replace: "Infinity : maxWaiting)",
    tests: ["bounds"]
  },
  {
    name: "onClose may be anything",
    find: "onClose === \"interrupt\" || onClose === \"drain\"",
    replace: "true",
    tests: ["drain"]
  },
  {
    name: "maxWaiting may be below 0",
    find: "typeof value === \"number\" && value >= 0",
    replace: "typeof value === \"number\" && !Number.isNaN(value)",
    tests: ["bounds"]
  },
  {
    name: "maxWait may be below 0",
    find: "  return check(what, \"a duration of at least 0\", value, value >= 0)\n",
    replace: "  return value\n",
    tests: ["bounds", "drain"]
  },
  {
    name: "without maxWait nobody waits",
    find: "maxWait: maxWait === undefined ? Infinity :",
    replace: "maxWait: maxWait === undefined ? 0 :",
    tests: ["slots"]
  },
  {
    name: "keys have the same weight",
    find: "const value = weight(key)",
    replace: "const value = 1",
    tests: ["shares"]
  },
  {
    name: "nobody gains a level by default",
    find: "priorityBoost = 1,",
    replace: "priorityBoost = 0,",
    tests: ["priority"]
  },
  {
    name: "pools drain by default",
    find: "onClose = \"interrupt\"",
    replace: "onClose = \"drain\"",
    tests: ["close"]
  },
  {
    name: "drain is given no time by default",
    find: "drainTimeout === undefined\n        ? Infinity",
    replace: "drainTimeout === undefined\n        ? 1000",
    tests: ["drain"]
  }
])

const errors = faultsOf("Admission.ts", ["bounds"], [
  {
    name: "PoolFull tells a full line as a long wait",
    find: "this.reason === \"QueueFull\"",
    replace: "this.reason === \"WaitTimeout\""
  },
  {
    name: "PoolFull does not say how many wait",
    find: "waiting ${this.waiting}",
    replace: "waiting ${this.size}"
  }
])

const verbs = faultsOf("internal/verbs.ts", ["verbs", "service", "bounds", "available"], [
  {
    name: "the verbs lose options that come first",
    find: "over(data, dataOrOptions)",
    replace: "over(data)"
  },
  {
    name: "spawnN takes no note of what it is asked",
    find: "effect, options, reports)",
    replace: "effect, undefined, reports)",
    tests: ["bounds"]
  },
  {
    name: "spawnIfAvailable takes no note of its key",
    find: "spawnIfAvailable(new SpawnJob(pool, pool.jobs, fiber, effect, options))",
    replace: "spawnIfAvailable(new SpawnJob(pool, pool.jobs, fiber, effect))",
    tests: ["shares", "available"]
  }
])

const piles = faultsOf("GreenPile.ts", ["bounds", "pile", "priority"], [
  {
    name: "a pile's spawn takes no note of what it is asked",
    find: "effect as Effect.Effect<A, E, unknown>, options)",
    replace: "effect as Effect.Effect<A, E, unknown>)"
  }
])

export const admission: ReadonlyArray<Fault> = [
  ...heap,
  ...shares,
  ...alarm,
  ...slots,
  ...pool,
  ...run,
  ...spawn,
  ...options,
  ...errors,
  ...verbs,
  ...piles
]
