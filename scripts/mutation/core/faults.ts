/**
 * The faults that no program plants, file by file: steps in the wrong order, a wrong queue, fiber, argument or moment, a
 * case forgotten. What has the same effect as one of the mutants isn't listed.
 */
import { type Fault, faultsOf } from "../fault.ts"

export const faults: ReadonlyArray<Fault> = [
  ...faultsOf("internal/linked-list.ts", "linked-list slots", {
    "A push puts the node at the head": "this.insert(node, this.ends{+.next+})"
  }),
  ...faultsOf("internal/heap.ts", "heap shares priority", {
    "A member that fills a gap never rises": "this.[-place-]{+sink+}(index, last, rank, number)",
    "A member that fills a gap never sinks": "this.[-place-]{+rise+}(index, last, rank, number)"
  }),
  ...faultsOf("internal/semaphore.ts", "slots resize lending", {
    "A release grants a second permit": "this.taken--\n    this.serveQueue(){+\n" +
      "    const { first } = this; if (first) { this.leave(first); this.taken++; first.onPermit() }+}",
    "A release grants its permit although the size has shrunk": "this.taken--\n    [-this.serveQueue()-]{+" +
      "const { first } = this; if (first) { this.leave(first); this.taken++; first.onPermit() }+}",
    "Growing grants as many permits as it adds": "[-this.permits = permits\n    this.serveQueue()-]{+" +
      "let more = permits - this.permits; this.permits = permits\n" +
      "    for (let w; more-- > 0 && (w = this.first); w.onPermit()) { this.leave(w); this.taken++ }+}",
    "Shrinking takes permits back":
      "this.permits = permits\n{+    this.taken = Math.min(this.taken, permits)\n+}    this.serveQueue()",
    "A grant goes to the last in the queue": "this.next === undefined ? this.queue.[-first-]{+toArray().at(-1)+}",
    "A grant skips the first in the queue":
      "this.next === undefined ? this.queue.[-first-]{+toArray().at(this.waiting > 1 ? 1 : 0)+}",
    "The number of free permits is never negative":
      "return [-this.permits - this.taken-]{+Math.max(0, this.permits - this.taken)+}"
  }),
  ...faultsOf("internal/slots.ts", "lending reentrancy slots close longlife shares model/model", {
    "A nested job borrows a slot although one is free":
      "if ({+this.lenderFor(job) === undefined && +}this.takeIfAvailable(job)) return true",
    "A close refuses only the first job in the queue": "job.onWaitEnd()\n    {+  return\n    +}}",
    "A borrower that outlives its lender takes the pool's slot for its own":
      "borrower.lender = [-lender-]{+undefined+}",
    "A lent slot is returned when the lender ends":
      "if (lender !== undefined) lender.borrower = borrower\n      this.ledger.borrowed--{+; this.semaphore.release()+}",
    "A borrower that ends frees a slot of the pool":
      "this.ledger.borrowed--\n      this.lendOn(lender){+; this.semaphore.release()+}",
    "An idle pool keeps its keys, which rank nobody any more":
      "this.[-shares = this.semaphore-]{+semaphore+}.next = undefined"
  }),
  ...faultsOf("internal/pool.ts", "waitall longlife close reentrancy pile drain model/model", {
    "A pool keeps an interrupted waitall until it is idle": "Effect.[-sync(() => waiter.leave())-]{+void+}",
    "Only one caller of waitall returns": "this.tasks.schedule(() => waiter.resume(effect)){+; return+}",
    "A pool forgets a closed group when the first of its jobs ends":
      "whenEnded(() => this.[-forget-]{+groups.delete+}(group))",
    "A close knows only the innermost job of its caller":
      "job !== undefined; job = [-job.enclosing-]{+undefined+}) around.add(job)",
    "A drain waits for no job": "Effect.andThen([-this.drained-]{+Effect.void+}, this.shut)",
    "A pool that has drained isn't closed": "Effect.andThen(this.drained, [-this.shut-]{+Effect.void+})"
  }),
  ...faultsOf("internal/tasks.ts", "slots reentrancy", {
    "A task runs inside the step that schedules it":
      "[-if (this.tasks.push(task) === 1) this.dispatcher.scheduleTask(this.run, 0)-]{+task.run()+}",
    "Tasks run in reverse order": "tasks[{+tasks.length - 1 - +}next]?.run()",
    "Only the first task runs": "next < [-tasks.length-]{+1+}"
  }),
  ...faultsOf("internal/ledger.ts", "schema slots waitall reentrancy", {
    "The stats count no borrowed slots": "borrowed{+: 0+},\n      started",
    "The stats give the running jobs for the size": "size: semaphore.[-permits-]{+taken+},\n      running"
  }),
  ...faultsOf("internal/spawn.ts", "slots context reentrancy pile", {
    "A spawned job starts inside the step of its spawner":
      "const fiber = this.launch()\n    this.[-pool.tasks.enqueue(this)-]{+run()+}",
    "A spawned job that is interrupted returns its slot before its finalizers have run":
      "this.fiber !== undefined) {+(this.slots.end(this, Exit.interrupt(fiberId)), +}this.fiber.interruptUnsafe(fiberId){+)+}",
    "A spawned job lacks its spawner's context":
      "this.pool.contextOf(this, [-this.context-]{+Effect.runSync(Effect.context())+})",
    "A spawned job isn't in its fiber's context": "runForkWith(this.[-pool.contextOf(this, this.context)-]{+context+})"
  }),
  ...faultsOf("internal/spawn.ts", "reports longlife", {
    "A failure with an interruption beside it isn't reported":
      "exit._tag === \"Success\" || Cause.[-hasInterruptsOnly-]{+hasInterrupts+}(exit.cause)",
    "A failure is reported twice": "Effect.annotateLogs(\"pool\", pool){+, Effect.repeat({ times: 1 })+})",
    "A report doesn't name the pool": "Effect.[-annotateLogs(\"pool\", pool)-]{+asVoid+}",
    "A report is a warning": "Effect.[-logError-]{+logWarning+}(",
    "A report lacks the spawner's context": "Effect.[-runForkWith(spawner)-]{+runFork+}("
  }),
  ...faultsOf("internal/spawn.ts", "bounds drain model/model", {
    "spawnIfAvailable borrows a slot": "job.[-pool.gate.enterIfAvailable-]{+slots.takeOrBorrow+}(job)) return",
    "spawn ignores its options": "pool.jobAround(spawner)[-, options-])"
  }),
  ...faultsOf("internal/run.ts", "bounds drain shares model/model", {
    "runIfAvailable borrows a slot": "this.[-pool.gate.enterIfAvailable-]{+slots.takeOrBorrow+}(this)) return",
    "runIfAvailable ignores its options": "Effect.asSome(effect)[-, options-])"
  }),
  ...faultsOf("internal/map.ts", "imap-failure imap-scope imap-interruption map-told reentrancy model/model", {
    "A map that is closed leaves its jobs": "[-this.pool.interruptAll(this.jobs.toArray())-]{+Effect.void+}",
    "A map that is closed ends as its source did":
      "this.mapExit ??= {+this.sourceExit ?? +}Exit.interrupt()\n    this.results",
    "A pool forgets a closed map that still has a job": "this.pool.[-forget-]{+groups.delete+}(this)",
    "The defect of an iterator that throws isn't caught": "[-this.sourceExit = Exit.die(defect)-]{+throw defect+}",
    "A source that fails is taken for an empty one":
      "if (exit._tag === \"Failure\") this.sourceExit = [-exit-]{+Exit.void+}",
    "A map's job isn't in its context": "this.[-pool.contextOf(job, this.context)-]{+context+} as",
    "The defect of a function that throws isn't caught": "[-return Effect.die(defect)-]{+throw defect+}"
  }),
  ...faultsOf("internal/results.ts", "imap imap-failure imap-nested", {
    "A chunk has only one result": "result?.exit !== undefined{+ && chunk.length === 0+}; result = this.first"
  }),
  ...faultsOf("internal/source.ts", "source imap-failure imap-interruption imap-scope longlife", {
    "An iterator that has thrown is closed":
      "[-ended = true\n        -]const result = iterator.next()\n        if (result.done === true) return [-End\n        " +
      "ended = false-]{+(ended = true, End)+}",
    "An async iterator that fails to close while it is pending is an unhandled rejection":
      "[-end().catch(() => {})-]{+void end()+}",
    "A rejection isn't a SourceError": "catch: (cause) => [-new SourceError({ cause })-]{+cause+}",
    "A row starts again when one of its sources has no item yet":
      "for (const cursor of cursors[-.slice(row.length)-]) {",
    "A row fetches from the wrong source": "fetch = [-cursor.fetch-]{+cursors[0]?.fetch ?? Effect.void+}",
    "An iterable of both kinds is read as a sync one": "if ({+!Predicate.hasProperty(source, Symbol.iterator) && +}" +
      "Predicate.hasProperty(source, Symbol.asyncIterator)) {",
    "An interruption leaves an iterator open that has just been made":
      "Effect.[-uninterruptible-]{+interruptible+}(Effect.suspend(() => {\n    const iterator = source[Symbol.iterator]()",
    "An interruption leaves an async iterator open that has just been made":
      "Effect.[-uninterruptible-]{+interruptible+}(Effect.suspend(() => {\n" +
      "    const iterator = source[Symbol.asyncIterator]()"
  }),
  ...faultsOf("GreenPile.ts", "pile pile-interruption close imap-memory bounds", {
    "A pile that closes leaves its jobs": "[-this.pool.interruptAll(this.jobs.toArray())-]{+Effect.void+},",
    "A pool keeps its closed piles": "Effect.[-sync(() => this.pool.forget(this))-]{+void+}",
    "A pool forgets a closed pile that still has a job": "this.pool.[-forget-]{+groups.delete+}(this)",
    "A pile doesn't end with its scope": "[-Scope.addFinalizer(scope, pile.close)-]{+Effect.void+}",
    "A pile is closed in the context of its maker":
      "[-Scope.addFinalizer(scope,-]{+Effect.addFinalizer(() =>+} pile.close)",
    "An interruption leaves a pile open that has just been made":
      "Effect.[-uninterruptible-]{+interruptible+}(Effect.flatMap(Effect.scope",
    "The result of an interrupted reader goes to the end":
      "this.entries.[-pushBefore(entry, (other) => other.number > entry.number)-]{+push(entry)+}",
    "The result of an interrupted reader goes to the head, before earlier ones":
      "pushBefore(entry, ([-other) => other.number > entry.number-]{+) => true+})",
    "The last reader is served first": "this.readers.[-push(reader)-]{+pushBefore(reader, () => true)+}",
    "A pile gives the results that are ready first":
      "= this.entries.{+toArray().find(({ exit }) => exit !== undefined) ?? this.entries.+}first",
    "A reader of an empty pile waits":
      "if (reader === undefined{+ || (entry === undefined && !this.pool.gate.isShut)+}) return",
    "A failure ends the stream of exits": "pile.read((exit) => [-Effect.succeed(Arr.of(exit)), Cause.done())-]{+" +
      "Exit.map(exit, (value) => Arr.of(Exit.succeed(value))), Cause.done()) as never+}",
    "A pile's spawn ignores its options": "effect as Effect.Effect<A, E, unknown>[-, options-])"
  }),
  ...faultsOf("internal/verbs.ts", "verbs starmap reports slots service bounds available shares changes", {
    "starmap passes the tuple as one argument": "mapVerb({ ordered: true, exits: false }[-, spread-])",
    "spawnN doesn't report failures": "fiber, effect, options[-, reports-])",
    "free doesn't count the slots that are taken": "pool.slots.semaphore.[-free-]{+permits+})",
    "Any object in the last place is taken for options":
      "prototype [-=== Object.prototype || prototype === null-]{+!== Array.prototype+}",
    "A map ignores its options": "sources, mode[-, options-])",
    "A verb ignores options that come first": "over(data[-, dataOrOptions-])",
    "spawnN ignores its options": "effect, [-options-]{+undefined+}, reports)",
    "spawnIfAvailable ignores its options":
      "spawnIfAvailable(new SpawnJob(pool, pool.jobs, fiber, effect[-, options-]))",
    "The changes of a pool are an empty stream": "[-access.stream(({ pool }) => pool.changes.stream)-]{+Stream.empty+}"
  }),
  ...faultsOf("GreenPool.ts", "service close", {
    "A pool doesn't end with its scope": "(pool) => [-pool.close-]{+Effect.void+})",
    "The name of a service's key wins over its options":
      "{ [-name: id, ...given(options)-]{+...given(options), name: id+} }",
    "A service's pool doesn't have the name of its key": "{ [-name: id, -]...given(options) }",
    "The configuration is ignored": "Config.unwrap(config), {+() => +}makeUnbounded{+()+})",
    "The configuration of a service is ignored": "makeOwn({ ...own[-, ...given(options)-] })",
    "The configuration of a service replaces all of its options": "makeOwn({ [-...own, -]...given(options) })",
    "An undefined value in the configuration of a service removes an option":
      "makeOwn({ ...own, ...[-given(options)-]{+options+} })"
  }),
  ...faultsOf("PoolSize.ts", "schema resize", {
    "A negative size is accepted": "Schema.isGreaterThanOrEqualTo([-0-]{+-1+})",
    "A fraction is accepted": "Schema.[-Int-]{+Finite+}.check",
    "The error doesn't name the value": "Invalid pool size[- ${this.value}-]"
  }),
  ...faultsOf("PoolStats.ts", "schema resize", {
    "The stats refuse a negative number of free slots": "free: [-Schema.Int-]{+Count+},"
  }),
  ...faultsOf("internal/shares.ts", "shares shares-property priority", {
    "Of keys that were never served the last is first":
      "[-this.arrivals - Number.MAX_SAFE_INTEGER-]{+-this.arrivals - 2 ** 50+}",
    "The greatest debt is looked at first": "this.debtors.push(flow, {+-+}flow.finishTag)",
    "A weight that its sum has lost upsets what is fair":
      "time / [-Math.max(this.weights, flow.weight)-]{+this.weights+}",
    "A grant is charged without the weight": "this.flow.finishTag += estimate[- / this.flow.weight-]",
    "A correction leaves out the weight": "(time - this.estimate)[- / this.flow.weight-]",
    "A job is charged its estimate and its time": "([-time - this.estimate-]{+time+}) /",
    "The mean time of a job is that of the first": "mean === undefined ? time : mean[- + (time - mean) / 8-]",
    "A key saves up what it doesn't use": "flow.startTag = [-Math.max(this.virtualTime, flow.finishTag)-]{+" +
      "flow.finishTag+}\n    this.backlogged.push",
    "A key in the queue saves up what it doesn't use": "flow.startTag = " +
      "[-Math.max(this.virtualTime, flow.finishTag)-]{+flow.finishTag+}\n    this.backlogged.move",
    "A key that returns has no debt left": "flow.startTag = [-Math.max(this.virtualTime, flow.finishTag)-]{+" +
      "this.virtualTime+}\n    this.backlogged.push",
    "The virtual time goes back": "this.virtualTime = [-Math.max(this.virtualTime, virtualTime)-]{+virtualTime+}"
  }),
  ...faultsOf("internal/time.ts", "shares priority bounds", {
    "Slots are charged by wall-clock time":
      "clock.[-monotonicTimeNanosUnsafe-]{+currentTimeNanosUnsafe+}()) / 1_000_000\n"
  }),
  ...faultsOf("internal/timers.ts", "bounds drain slow-wait", {
    "A sleep that is over may have been too short": "[-Math.max(until, this.now)-]{+this.now+}",
    "The time of a timer counts from the beginning": "[-this.now + -]milliseconds",
    "A timer that is due at a time is due that much later": "new Timer(this, {+this.now + +}time, "
  }),
  ...faultsOf("internal/gate.ts", "bounds model/model", {
    "The pool's maxWait bounds nested jobs": "[-bounds?-]{+this.bounds+}.maxWait ?? Infinity",
    "The maxWait of a call only shortens the pool's": "[-asked === undefined ? bounds?.maxWait ?? Infinity : " +
      "Duration.toMillis(asked)-]{+Math.min(bounds?.maxWait ?? Infinity, Duration.toMillis(asked ?? Infinity))+}",
    "A fraction of a caller counts as one": "semaphore.waiting [-+ 1 >-]{+>=+} longest",
    "maxWaiting counts running jobs": "semaphore.{+taken + semaphore.+}waiting + 1 > longest",
    "A full queue is reported as a wait that was too long":
      "return Effect.fail(this.reject(\"[-QueueFull-]{+WaitTimeout+}\")"
  }),
  ...faultsOf("Admission.ts", "bounds", {
    "PoolFull doesn't say how many wait": "waiting ${this.[-waiting-]{+size+}}"
  }),
  ...faultsOf("GreenPoolOptions.ts", "schema", {
    "The schema accepts any size": "size: Schema.optional([-PoolSize-]{+Schema.Finite+})",
    "The schema accepts any maxWaiting":
      "maxWaiting: Schema.optional(Schema.[-Finite.check(Schema.isGreaterThanOrEqualTo(0))-]{+Number+})",
    "The schema accepts any priorityBoost":
      "priorityBoost: Schema.optional(Schema.[-Finite.check(Schema.isGreaterThanOrEqualTo(0))-]{+Number+})",
    "The schema refuses drain": "Schema.Literals([\"interrupt\"[-, \"drain\"-]])",
    "The schema lacks drainTimeout": "[-drainTimeout: Schema.optional(Schema.DurationFromString),-]",
    "The schema lacks metrics": "[-metrics: Schema.optional(Schema.Boolean),-]",
    "The schema lacks tracing": "[-tracing: Schema.optional(Schema.Boolean),-]",
    "The schema takes maxWait for a number": "maxWait: Schema.optional(Schema.[-DurationFromString-]{+Finite+})",
    "The schema takes slowWait for a number": "slowWait: Schema.optional(Schema.[-DurationFromString-]{+Finite+})"
  }),
  ...faultsOf("GreenPoolOptions.ts", "bounds drain slots priority close slow-wait adaptive/pool", {
    "maxWaiting as a function may return anything": "[-checkMaxWaiting(maxWaiting(size))-]{+maxWaiting(size)+}",
    "maxWaiting may be anything": "Infinity : [-checkMaxWaiting(maxWaiting)-]{+maxWaiting+})",
    "maxWaiting may be negative": "typeof value === \"number\" && [-value >= 0-]{+!Number.isNaN(value)+}",
    "A duration may be negative": "return [-check(what, \"a duration of at least 0\", value, value >= 0)-]{+value+}",
    "slowWait may be negative": "[-milliseconds(\"slowWait\", slowWait)-]{+Duration.toMillis(slowWait)+}",
    "Without maxWait no caller waits": "maxWait: maxWait === undefined ? [-Infinity-]{+0+} :",
    "By default no caller gains a level": "priorityBoost = [-1-]{+0+},",
    "By default a pool drains": "onClose = \"[-interrupt-]{+drain+}\"",
    "By default a drain lasts a second": "drainTimeout === undefined\n        ? [-Infinity-]{+1000+}",
    "By default slowWait is a second": "slowWait === undefined ? [-Infinity-]{+1000+}"
  }),
  ...faultsOf("internal/outcomes.ts", "slots reports longlife", {
    "A failure with an interruption beside it counts as interrupted":
      "Cause.[-hasInterruptsOnly-]{+hasInterrupts+}(exit.cause)"
  }),
  ...faultsOf("internal/changes.ts", "changes", {
    "States are compared by identity": "[-!Equal.equals(reader.seen, stats)-]{+reader.seen !== stats+}",
    "The changes end without the last state": "[-isNew ? stats : undefined-]{+isLast ? undefined : stats+}"
  }),
  ...faultsOf("internal/pool.ts", "changes", {
    "The changes end before the last jobs of the pool have": "this.gate.isShut[- && semaphore.isIdle-])"
  }),
  ...faultsOf("internal/meter.ts", "metrics model/model", {
    "Buckets don't add up": "below [-+=-]{+=+} counts[i]!",
    "Every pool has a meter of its own": "let meter[- = named.get(key)-]{+: Meter | undefined+}",
    "Metrics go to the default registry": "Context.get([-context-]{+Context.empty()+}, Metric.MetricRegistry)",
    "Pools of all names share a meter": "JSON.stringify([[-pool, -]...",
    "Pools share a meter whatever attributes are around them":
      "[-JSON.stringify([pool, ...Object.keys(around).sort().map((name) => [name, around[name]])])-]{+pool+}",
    "The attributes around a pool hide its own": "const [-{ outcome: _outcome, pool: _pool, ...around }-]{+around+} =",
    "The order of the attributes around a pool matters": "Object.keys(around)[-.sort()-]",
    "Metrics lack the attributes around the pool":
      "[-Context.add(Metric.CurrentMetricAttributes, around)-]{+(own) => own+}",
    "The gauge of the size shows the length of the queue": "\"[-permits-]{+waiting+}\"]",
    "The histogram of waits shows runs": "histogram(\"wait\", this.[-waits-]{+runs+})"
  }),
  ...faultsOf("internal/slow-wait.ts", "slow-wait", {
    "The warning comes once a second": "const Pause = [-60_000-]{+1_000+}",
    "The warning is about a caller that has just come": "[-now >= this.due(since)-]{+true+}",
    "The warning isn't annotated with the pool": "[-.pipe(Effect.annotateLogs(\"pool\", this.pool))-]",
    "The warning is an error": "Effect.[-logWarning-]{+logError+}",
    "The warning goes to the default logger": "Effect.[-runForkWith(this.context)-]{+runFork+}(",
    "The warning gives the running jobs for the waiting ones": "waiting ${[-waiting-]{+taken + 1+}}"
  }),
  ...faultsOf("internal/wait.ts", "tracing tracing-reentrancy", {
    "The span of a wait lacks the pool": "[-\"greenpool.pool\": pool, -]",
    "The span of a wait lacks the size": "[-, \"greenpool.size\": size-]",
    "The span of a wait has no parent": "Effect.[-runSyncWith(context)-]{+runSync+}",
    "The span of a wait ends by another clock": "Context.get([-context-]{+Context.empty()+}, Clock.Clock)",
    "What a tracer throws reaches the pool": "[-void Effect.runFork(Effect.sync(() => -]span.end(isTimed ? " +
      "clock.currentTimeNanosUnsafe() : 0n, exit)[-))-]",
    "The span of a wait always ends with success": "0n, [-exit-]{+{ _tag: \"Success\", value: undefined } as never+})"
  })
]
