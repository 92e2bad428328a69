/**
 * The mutants that no test can find, by the reason why the library does the same with them. Their names: the file, the
 * declaration around them, and what becomes what.
 */

/** Numbers that begin with one instead of zero: of each file, the declarations around them. */
const zeros = (places: Readonly<Record<string, string>>): ReadonlyArray<string> =>
  Object.entries(places).flatMap(([file, declarations]) =>
    declarations.split(", ").map((declaration) => `${file} ${declaration}: 0 becomes 1`)
  )

export const explained: Readonly<Record<string, ReadonlyArray<string>>> = {
  "It only saves work: without it the same happens, more slowly.": [
    "internal/gate.ts Gate enqueue: endSpan === undefined && maxWait === Infinity becomes false",
    "internal/gate.ts Gate enterUnbounded: slots.takeOrBorrow(job) becomes false",
    "internal/gate.ts Gate enterIfAvailable: !slots.semaphore.isAvailable becomes false",
    "internal/changes.ts Changes notify: this.isDue || this.tasks === undefined becomes this.tasks === undefined",
    "internal/changes.ts Changes notify: this.isDue = true becomes nothing",
    "internal/changes.ts Changes notify: true becomes false",
    "internal/changes.ts Changes after: this.tasks ??= new Tasks(fiber.getRef(Scheduler.Scheduler).makeDispatcher()) becomes this.tasks = new Tasks(fiber.getRef(Scheduler.Scheduler).makeDispatcher())",
    "internal/run.ts CallerJob asEffect: this.state === \"holding\" becomes false",
    "internal/run.ts RunJob exit: this.state === \"holding\" becomes true",
    "internal/slots.ts Job enclosing: around === undefined || around.job !== undefined becomes false",
    "internal/slots.ts Job enclosing: around === undefined || around.job !== undefined becomes around === undefined",
    "internal/shares.ts Shares grant: isWaiting becomes false",
    "internal/spawn.ts spawn: !job.isRefused && job.pool.gate.enterIfAvailable(job) becomes false",
    "internal/slots.ts isRanked: options !== undefined && (options.key !== undefined || options.priority !== undefined) becomes options !== undefined",
    "internal/slots.ts Slots askUser: false becomes true",
    "internal/slots.ts Slots askUser: isRanked(options) becomes options",
    "internal/slots.ts Slots stakeClaim: isRanked(job.options) becomes job.options",
    "internal/slots.ts Slots stopWaitingInside: firstArrival === around.firstArrival becomes false",
    "internal/slots.ts Slots stopWaitingInside: return becomes nothing",
    "internal/slots.ts Slots startStep: this.shares !== undefined || this.ledger.isMeasured becomes true",
    "internal/slots.ts Slots lenderFor: around.waitingInside?.first !== undefined becomes false",
    "internal/timers.ts Timers cancel: this.timers.first === undefined becomes true",
    "internal/map-limits.ts MapLimits constructor: key === undefined && priority === undefined becomes false",
    "internal/map.ts Window scheduleFill: this.isFillDue becomes false",
    "internal/map.ts Window scheduleFill: return becomes nothing",
    "internal/map.ts Window constructor: this.workerAround = pool.jobAround(reader)?.ref becomes nothing",
    "internal/map.ts Window constructor: pool.jobAround(reader) becomes reader",
    "internal/map.ts Window work: this.workerAround !== this.around becomes true",
    "internal/map.ts Window work: this.workerAround = this.around becomes nothing",
    "internal/map.ts Window fill: this.isReady becomes true",
    "internal/map.ts Window canTake: !this.limits.isComputed || this.mayTake becomes this.mayTake",
    "internal/map.ts Window pullSource: filler !== this.worker becomes true",
    "internal/map.ts Window settle: this.isReady becomes true",
    "internal/map.ts Window settle: this.filler === undefined && this.active + 1 === this.limits.concurrency becomes true",
    "internal/map.ts Window settle: this.filler === undefined && this.active + 1 === this.limits.concurrency becomes this.filler === undefined",
    "internal/map.ts Window settle: this.filler === undefined && this.active + 1 === this.limits.concurrency becomes this.active + 1 === this.limits.concurrency",
    "internal/pool.ts Pool hasRunners: false becomes true",
    "internal/pool.ts Pool jobOf: !this.runners.has(fiber) becomes true",
    "internal/pool.ts Pool runs: this.hasRunners && this.runners.has(fiber) becomes this.hasRunners",
    "internal/pool.ts Pool runs: this.hasRunners && this.runners.has(fiber) becomes this.runners.has(fiber)",
    "internal/pool.ts Pool runs: this.runners.has(fiber) becomes fiber",
    "internal/pool.ts Pool leaves: !this.hasRunners becomes false",
    "internal/pool.ts Pool leaves: return becomes nothing",
    "internal/pool.ts Pool setSize: size === this.slots.semaphore.permits becomes false",
    "internal/pool.ts Pool setSize: return becomes nothing",
    "internal/pool.ts Pool drained: this.drain !== Infinity becomes true",
    "internal/pool.ts Pool interruptAll: jobs.length === 0 becomes false",
    "internal/pool.ts Pool onLeave: this.idleWaiters.isEmpty && this.slowWait === undefined becomes false",
    "internal/pool.ts Pool onLeave: return becomes nothing"
  ],
  "The value is set before it is read, or is a number that only has to differ from others or to grow.": [
    "internal/pool.ts: 0 becomes 1",
    "internal/pool.ts Pool ref: ++pools.count becomes --pools.count",
    ...zeros({
      "GreenPile.ts": "Entry number, Pile spawned",
      "internal/elasticity.ts": "Elasticity quiet, Elasticity skip, Elasticity last",
      "internal/fit.ts": "Fit x, Fit y",
      "internal/latencies.ts": "Latencies count",
      "internal/heap.ts": "Heap push, Heap move",
      "internal/slots.ts": "Job firstArrival, Job since, Slots now, Slots arrivals",
      "internal/timers.ts": "Timers count",
      "internal/source.ts": "openStream",
      "internal/shares.ts":
        "Claim grantedAt, Claim estimate, Flow startTag, Shares virtualTime, Shares grants, Shares arrivals"
    })
  ],
  "What it forgets is not looked at again, and nothing keeps it.": [
    "internal/map.ts Window wakeReader: this.resumeReader = undefined becomes nothing",
    "internal/results.ts Results take: result.exit = result.after = undefined becomes nothing",
    "internal/slots.ts Slots lend: job.claim = undefined becomes nothing",
    "internal/slots.ts Slots retire: job.waitingInside = undefined becomes nothing"
  ],
  "The two are never equal, or equal ones may be in either order.": [
    "GreenPile.ts Pile read: other.number > entry.number becomes other.number >= entry.number",
    "internal/elasticity.ts Elasticity grow: this.elasticity <= Start.elasticity becomes this.elasticity < Start.elasticity",
    "internal/elasticity.ts Elasticity grow: information > Start.information becomes information >= Start.information",
    "internal/elasticity.ts Elasticity steer: fit.information > Step.information becomes fit.information >= Step.information",
    "internal/elasticity.ts Elasticity steer: strain > MostStrain becomes strain >= MostStrain",
    "internal/fit.ts Fit add: Math.abs(residual) > Math.max(0.5, 4 * Math.sqrt(this.variance / n)) becomes Math.abs(residual) >= Math.max(0.5, 4 * Math.sqrt(this.variance / n))",
    "internal/latencies.ts Latencies add: lowest.at(-1)![1] >= median becomes lowest.at(-1)![1] > median",
    "internal/meter.ts Times add: seconds < this.min becomes seconds <= this.min",
    "internal/meter.ts Times add: seconds > this.max becomes seconds >= this.max",
    "internal/heap.ts Heap isBefore: (this.numbers[index] as number) < number becomes (this.numbers[index] as number) <= number"
  ],
  "The language or Effect does the same with the value itself: an error of the pool is an effect that fails with it.": [
    "AdaptiveSize.ts field: Predicate.hasProperty(value, name) becomes value",
    "AdaptiveSize.ts durationOf seconds: Number(value) becomes value",
    "PoolSize.ts checkPoolSize: Effect.fail(new InvalidPoolSize({ value: Formatter.format(size) })) becomes new InvalidPoolSize({ value: Formatter.format(size) })",
    "internal/gate.ts Gate enqueue: Effect.fail(this.reject(\"WaitTimeout\")) becomes this.reject(\"WaitTimeout\")",
    "internal/gate.ts Gate enqueue: Effect.fail(this.reject(\"QueueFull\")) becomes this.reject(\"QueueFull\")",
    "internal/gate.ts Gate enqueue: Effect.fail(rejection) becomes rejection",
    "internal/spawn.ts SpawnJob dismissal: Effect.fail(this.wait.rejection) becomes this.wait.rejection",
    "internal/run.ts CallerJob afterWait: Effect.fail(this.wait.rejection) becomes this.wait.rejection",
    "internal/map.ts Window constructor: Exit.asVoid(opened) becomes opened",
    "internal/map.ts Window pull: Exit.asVoid(last) becomes last"
  ],
  "Any number that is no position in a heap says that it is in none.": [
    "internal/timers.ts Timer index: 1 becomes 2",
    "internal/slots.ts Job index: 1 becomes 2"
  ],
  "What it checks, what stands beside it checks as well.": [
    "internal/gate.ts Gate enqueue: bounds?.maxWaiting(semaphore.permits) ?? Infinity becomes bounds?.maxWaiting(semaphore.permits)",
    "internal/gate.ts Gate enqueue: wait !== undefined && maxWait !== Infinity becomes maxWait !== Infinity",
    "internal/elasticity.ts Elasticity setLeg: ceiling === undefined becomes false",
    "internal/adaptation.ts verdictInside others: Cause.isFailReason(reason) && isOwn(reason.error) becomes isOwn(reason.error)",
    "GreenPoolOptions.ts checkAdaptive: adaptive === true becomes false",
    "GreenPoolOptions.ts checkAdaptive: true becomes false (2)",
    "internal/run.ts runIfAvailable: Exit.isSuccess(exit) && Option.isSome(exit.value) becomes Exit.isSuccess(exit)",
    "internal/run.ts CallerJob afterWait: this.state === \"holding\" && !this.pool.gate.isShut becomes !this.pool.gate.isShut",
    "internal/take.ts ScopedJob exit: this.state === \"holding\" && !this.isKept becomes !this.isKept",
    "internal/take.ts ScopedJob runInside enter: this.state === \"holding\" becomes true",
    "internal/verbs.ts dual: typeof options === \"object\" becomes true",
    "internal/tasks.ts Tasks run: next < tasks.length becomes next <= tasks.length",
    "internal/run.ts runIfAvailable: Option.isSome(exit.value) becomes exit.value",
    "internal/adaptation.ts verdictInside others: Cause.isFailReason(reason) becomes reason",
    "internal/heap.ts Heap sink: left >= length becomes false",
    "internal/heap.ts Heap sink: left >= length becomes left > length",
    "internal/heap.ts Heap sink: right < length && this.isBefore(right, this.ranks[left] as number, this.numbers[left] as number) becomes this.isBefore(right, this.ranks[left] as number, this.numbers[left] as number)",
    "internal/heap.ts Heap sink: right < length becomes right <= length"
  ],
  "It is a choice, and nothing is promised that depends on it.": [
    "internal/spawn.ts SpawnJob launch fiber: this.begun && this.fiber !== undefined becomes this.fiber !== undefined",
    "internal/slots.ts: 64 becomes 65",
    "internal/slots.ts Job constructor: 0 becomes 1",
    "internal/slots.ts Job constructor: 1 becomes 2",
    "internal/slots.ts Job constructor: 1 becomes 2 (2)",
    "internal/slots.ts Job mustYield: 1 becomes 2",
    "internal/map.ts Window fill: filler.currentOpCount >= filler.cache.maxOpsBeforeYield becomes filler.currentOpCount > filler.cache.maxOpsBeforeYield",
    "internal/map.ts Window launch: 1 becomes 2",
    "internal/shares.ts ewma: 8 becomes 9"
  ]
}
