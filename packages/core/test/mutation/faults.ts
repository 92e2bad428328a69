/**
 * The faults, file by file.
 */
import { admission } from "./admission-faults.ts"
import { type Fault, faultsOf } from "./fault.ts"
import { observation } from "./observation-faults.ts"

const line = faultsOf("internal/linked-list.ts", ["linked-list", "semaphore"], [
  {
    name: "push puts at the head",
    find: "this.insert(node, this.ends)",
    replace: "this.insert(node, this.ends.next)"
  }
])

const semaphore = faultsOf("internal/semaphore.ts", ["semaphore", "resize", "slots"], [
  {
    name: "a release wakes two",
    find: "    this.taken--\n    this.serveQueue()",
    replace:
      "    this.taken--\n    this.serveQueue()\n    const second = this.first\n    if (second !== undefined) {\n" +
      "      this.leave(second)\n      this.taken++\n      second.onPermit()\n    }"
  },
  {
    name: "a release hands the permit on although the size has shrunk",
    find: "    this.taken--\n    this.serveQueue()",
    replace: "    this.taken--\n    const next = this.first\n    if (next !== undefined) {\n" +
      "      this.leave(next)\n      this.taken++\n      next.onPermit()\n    }"
  },
  {
    name: "growing wakes as many as it grows by",
    find: "    this.permits = permits\n    this.serveQueue()",
    replace: "    const more = permits - this.permits\n    this.permits = permits\n" +
      "    for (let i = 0; i < more; i++) {\n      const waiter = this.first\n      if (waiter === undefined) return\n" +
      "      this.leave(waiter)\n      this.taken++\n      waiter.onPermit()\n    }"
  },
  {
    name: "shrinking takes permits away",
    find: "    this.permits = permits\n    this.serveQueue()",
    replace: "    this.permits = permits\n    this.taken = Math.min(this.taken, permits)\n    this.serveQueue()"
  },
  {
    name: "a grant goes to the tail",
    find: "this.next === undefined ? this.queue.first",
    replace: "this.next === undefined ? this.queue.toArray().at(-1)"
  },
  {
    name: "a grant skips the head",
    find: "this.next === undefined ? this.queue.first",
    replace: "this.next === undefined ? this.queue.toArray().at(this.waiting > 1 ? 1 : 0)"
  },
  {
    name: "free is never negative",
    find: "return this.permits - this.taken",
    replace: "return Math.max(0, this.permits - this.taken)"
  }
])

const slots = faultsOf("internal/slots.ts", ["reentrancy", "slots", "close"], [
  {
    name: "a job never yields for its depth",
    find: "return this.depth % MaxNesting === MaxNesting - 1",
    replace: "return false"
  },
  {
    name: "the depth of nesting is not counted",
    find: "? 1 : enclosing.depth + 1",
    replace: "? 1 : 1"
  },
  {
    name: "lending comes before free slots",
    find: "if (this.takeIfAvailable(job)) return true",
    replace: "if (running(job.enclosing) === undefined && this.takeIfAvailable(job)) return true"
  },
  {
    name: "only the first is refused at the close",
    find: "      job.onWaitEnd()\n    }\n",
    replace: "      job.onWaitEnd()\n      return\n    }\n",
    tests: ["close"]
  },
  {
    name: "a borrower that outlives its lender takes the slot of the pool for its own",
    find: "borrower.lender = lender\n",
    replace: "borrower.lender = undefined\n",
    tests: ["reentrancy", "longlife"]
  },
  {
    name: "a lent slot is given back at the end of the lender",
    find: "      if (lender !== undefined) lender.borrower = borrower\n      this.ledger.borrowed--",
    replace: "      if (lender !== undefined) lender.borrower = borrower\n      this.ledger.borrowed--\n" +
      "      this.semaphore.release()"
  },
  {
    name: "a borrower that ends frees a slot of the pool",
    find: "      this.ledger.borrowed--\n      this.lendOn(lender)",
    replace: "      this.ledger.borrowed--\n      this.lendOn(lender)\n      this.semaphore.release()"
  }
])

const pool = faultsOf("internal/pool.ts", ["waitall", "close", "reentrancy"], [
  {
    name: "an interrupted waitall is kept until the pool is idle",
    find: "return Effect.sync(() => waiter.leave())",
    replace: "return Effect.void",
    tests: ["longlife", "waitall"]
  },
  {
    name: "only one of those in waitall returns",
    find: "      this.tasks.schedule(() => waiter.resume(effect))\n",
    replace: "      this.tasks.schedule(() => waiter.resume(effect))\n      return\n"
  },
  {
    name: "a closed party is forgotten with its first job",
    find: "whenEnded(() => this.forget(group))",
    replace: "whenEnded(() => this.groups.delete(group))",
    tests: ["pile"]
  },
  {
    name: "the close waits for the closer's own job",
    find: "if (!around.has(job)) {",
    replace: "if (job !== undefined) {",
    tests: ["model/model"]
  },
  {
    name: "the close knows only the innermost job of the closer",
    find: "for (let job = this.jobAround(fiber); job !== undefined; job = job.enclosing) around.add(job)",
    replace: "for (let job = this.jobAround(fiber); job !== undefined; job = undefined) around.add(job)",
    tests: ["model/model"]
  },
  {
    name: "the close does not wait",
    find: "        if (pending === 0) return resume(Effect.void)\n",
    replace: "        if (pending >= 0) return resume(Effect.void)\n",
    tests: ["close", "model/model"]
  },
  {
    name: "the close waits for one job only",
    find: "if (--pending === 0) onEnded()",
    replace: "if (--pending >= 0) onEnded()",
    tests: ["longlife", "close", "model/model"]
  },
  {
    name: "wake-ups happen inside the step that asks for them",
    file: "internal/tasks.ts",
    find: "    if (this.tasks.push(task) === 1) this.dispatcher.scheduleTask(this.run, 0)",
    replace: "    task.run()",
    tests: ["slots", "reentrancy"]
  },
  {
    name: "turns are given in reverse",
    file: "internal/tasks.ts",
    find: "        tasks[next]?.run()\n",
    replace: "        tasks[tasks.length - 1 - next]?.run()\n",
    tests: ["slots"]
  },
  {
    name: "only the first turn is given",
    file: "internal/tasks.ts",
    find: "next < tasks.length",
    replace: "next < 1",
    tests: ["slots"]
  },
  {
    name: "stats forget the loans",
    file: "internal/ledger.ts",
    find: "      borrowed,\n      started",
    replace: "      borrowed: 0,\n      started"
  },
  {
    name: "stats take running for the size",
    file: "internal/ledger.ts",
    find: "size: semaphore.permits,\n      running",
    replace: "size: semaphore.taken,\n      running",
    tests: ["schema", "slots"]
  }
])

const spawn = faultsOf("internal/spawn.ts", ["interruption", "slots", "context", "close", "reentrancy"], [
  {
    name: "spawn starts at once",
    find: "    const fiber = this.launch()\n    this.pool.tasks.enqueue(this)",
    replace: "    const fiber = this.launch()\n    this.onTurn()",
    tests: ["slots"]
  },
  {
    name: "a spawned job gives its slot back when it is interrupted, before the finalizers",
    find: "    if (this.fiber !== undefined) this.fiber.interruptUnsafe(fiberId)\n",
    replace: "    const { fiber } = this\n    if (fiber !== undefined) {\n" +
      "      this.slots.end(this, Exit.interrupt(fiberId))\n      fiber.interruptUnsafe(fiberId)\n    }\n",
    tests: ["close", "model/model"]
  },
  {
    name: "a spawned job does not have its spawner's context",
    find: "Effect.runForkWith(this.pool.contextOf(this, this.context))",
    replace: "Effect.runForkWith(this.pool.contextOf(this, Context.empty()))",
    tests: ["context"]
  },
  {
    name: "a spawned job is not marked",
    find: "Effect.runForkWith(this.pool.contextOf(this, this.context))",
    replace: "Effect.runForkWith(this.context)",
    tests: ["reentrancy"]
  },
  {
    name: "a failure with an interruption beside it is not reported",
    find: "if (exit._tag === \"Success\" || Cause.hasInterruptsOnly(exit.cause)) return",
    replace: "if (exit._tag === \"Success\" || Cause.hasInterrupts(exit.cause)) return",
    tests: ["reports", "longlife"]
  },
  {
    name: "nothing is reported",
    find: "if (exit._tag === \"Success\" || Cause.hasInterruptsOnly(exit.cause)) return",
    replace: "if (exit._tag !== \"Never\") return",
    tests: ["reports"]
  },
  {
    name: "a failure is reported twice",
    find: "Effect.annotateLogs(\"pool\", pool))\n",
    replace: "Effect.annotateLogs(\"pool\", pool), Effect.repeat({ times: 1 }))\n",
    tests: ["reports"]
  },
  {
    name: "a report does not name the pool",
    find: "Effect.annotateLogs(\"pool\", pool)",
    replace: "Effect.asVoid",
    tests: ["reports"]
  },
  {
    name: "a report is a warning",
    find: "Effect.logError(",
    replace: "Effect.logWarning(",
    tests: ["reports"]
  },
  {
    name: "a report does not have the spawner's context",
    find: "Effect.runForkWith(spawner)(\n",
    replace: "Effect.runForkWith(Context.empty())(\n",
    tests: ["reports"]
  }
])

const map = faultsOf(
  "internal/map.ts",
  ["imap", "imap-failure", "imap-interruption"],
  [
    {
      name: "a map that is closed leaves its jobs",
      find: "this.pool.interruptAll(this.jobs.toArray())",
      replace: "Effect.void",
      tests: ["imap-scope", "map-told", "model/model"]
    },
    {
      name: "a map that is closed ends as its source did",
      find: "    this.mapExit ??= Exit.interrupt()\n    this.results",
      replace: "    this.mapExit ??= this.sourceExit ?? Exit.interrupt()\n    this.results",
      tests: ["imap-scope"]
    },
    {
      name: "a pool forgets a closed map whose job goes on",
      find: "this.pool.forget(this)",
      replace: "this.pool.groups.delete(this)",
      tests: ["imap-scope"]
    },
    {
      name: "an iterator that throws breaks the map",
      find: "      this.sourceExit = Exit.die(defect)\n",
      replace: "      throw defect\n",
      tests: ["imap-failure"]
    },
    {
      name: "a failing source is taken for an empty one",
      find: "if (exit._tag === \"Failure\") this.sourceExit = exit",
      replace: "if (exit._tag === \"Failure\") this.sourceExit = Exit.void",
      tests: ["imap-failure"]
    },
    {
      name: "the jobs of a map are not marked",
      find: "this.pool.contextOf(job, this.context) as",
      replace: "this.context as",
      tests: ["reentrancy"]
    },
    {
      name: "a function that throws breaks the map",
      find: "      return Effect.die(defect)\n",
      replace: "      throw defect\n",
      tests: ["model/model"]
    },
    {
      name: "results after a failure are taken",
      file: "internal/results.ts",
      find: "      else break\n",
      replace: "",
      tests: ["imap-failure"]
    },
    {
      name: "one result is emitted at a time",
      file: "internal/results.ts",
      find: "result?.exit !== undefined; result = this.first",
      replace: "result?.exit !== undefined && chunk.length === 0; result = this.first"
    }
  ]
)

const source = faultsOf("internal/source.ts", ["source", "imap-failure"], [
  {
    name: "an iterator that has thrown is closed",
    find:
      "        ended = true\n        const result = iterator.next()\n        if (result.done === true) return End\n        ended = false\n",
    replace:
      "        const result = iterator.next()\n        ended = result.done === true\n        if (ended) return End\n",
    tests: ["imap-failure", "longlife"]
  },
  {
    name: "an async iterator is not closed",
    find: "if (!fetching) return Effect.promise(end)",
    replace: "if (!fetching) return Effect.void"
  },
  {
    name: "the close of an idle async iterator is not awaited",
    find: "if (!fetching) return Effect.promise(end)",
    replace: "if (!fetching) return Effect.sync(() => void end())",
    tests: ["imap-failure"]
  },
  {
    name: "the close of a pending async iterator is awaited",
    find: "if (!fetching) return Effect.promise(end)",
    replace: "if (!ended) return Effect.promise(end)",
    tests: ["imap-failure"]
  },
  {
    name: "a pending async iterator that fails to close is an unhandled rejection",
    find: "      end().catch(() => {})\n",
    replace: "          void end()\n",
    tests: ["imap-failure"]
  },
  {
    name: "a rejection is no SourceError",
    find: "catch: (cause) => new SourceError({ cause })",
    replace: "catch: (cause) => cause"
  },
  {
    name: "a row starts again where one has no item at the moment",
    find: "for (const cursor of cursors.slice(row.length)) {",
    replace: "for (const cursor of cursors) {"
  },
  {
    name: "the wrong source of a row is fetched",
    find: "        fetch = cursor.fetch\n",
    replace: "        fetch = cursors[0]?.fetch ?? Effect.void\n"
  },
  {
    name: "an iterable of both kinds is read at once",
    find: "if (Predicate.hasProperty(source, Symbol.asyncIterator)) {",
    replace:
      "if (Predicate.hasProperty(source, Symbol.asyncIterator) && !Predicate.hasProperty(source, Symbol.iterator)) {"
  },
  {
    name: "an interruption leaves an iterator behind that was just made",
    find: "  Effect.uninterruptible(Effect.suspend(() => {\n    const iterator = source[Symbol.iterator]()",
    replace: "  Effect.interruptible(Effect.suspend(() => {\n    const iterator = source[Symbol.iterator]()",
    tests: ["imap-interruption"]
  },
  {
    name: "an interruption leaves an async iterator behind that was just made",
    find: "  Effect.uninterruptible(Effect.suspend(() => {\n    const iterator = source[Symbol.asyncIterator]()",
    replace: "  Effect.interruptible(Effect.suspend(() => {\n    const iterator = source[Symbol.asyncIterator]()",
    tests: ["imap-scope"]
  }
])

const pile = faultsOf("GreenPile.ts", ["pile", "pile-interruption", "close"], [
  {
    name: "a closed pile accepts jobs",
    find: "    return this.pile.isClosed\n",
    replace: "    return false\n"
  },
  {
    name: "a pile that closes leaves its jobs",
    find: "      this.pool.interruptAll(this.jobs.toArray()),\n",
    replace: "      Effect.void,\n"
  },
  {
    name: "a pool keeps its closed piles",
    find: "Effect.sync(() => this.pool.forget(this))",
    replace: "Effect.void",
    tests: ["imap-memory"]
  },
  {
    name: "a pool forgets a closed pile whose job goes on",
    find: "this.pool.forget(this)",
    replace: "this.pool.groups.delete(this)"
  },
  {
    name: "a pile does not end with its scope",
    find: "Scope.addFinalizer(scope, pile.close)",
    replace: "Effect.void"
  },
  {
    name: "a pile is closed in the context of its maker",
    find: "Scope.addFinalizer(scope, pile.close)",
    replace: "Effect.addFinalizer(() => pile.close)"
  },
  {
    name: "an interruption leaves a pile behind that was just made",
    find: "      Effect.uninterruptible(Effect.flatMap(Effect.scope, (scope) => {",
    replace: "      Effect.interruptible(Effect.flatMap(Effect.scope, (scope) => {",
    tests: ["pile-interruption"]
  },
  {
    name: "a result of an interrupted reader goes to the end",
    find: "this.entries.pushBefore(entry, (other) => other.number > entry.number)",
    replace: "this.entries.push(entry)",
    tests: ["pile-interruption"]
  },
  {
    name: "a result of an interrupted reader goes to the head, whatever is there",
    find: "this.entries.pushBefore(entry, (other) => other.number > entry.number)",
    replace: "this.entries.pushBefore(entry, () => true)",
    tests: ["pile-interruption"]
  },
  {
    name: "the entries of a pile have no order",
    find: "entry.number = ++this.spawned",
    replace: "entry.number = 0",
    tests: ["pile-interruption"]
  },
  {
    name: "the last reader is served first",
    find: "this.readers.push(reader)",
    replace: "this.readers.pushBefore(reader, () => true)"
  },
  {
    name: "a pile delivers out of order",
    find: "const entry = this.entries.first\n",
    replace: "const entry = this.entries.toArray().find(({ exit }) => exit !== undefined) ?? this.entries.first\n"
  },
  {
    name: "a reader of an empty pile waits",
    find: "if (reader === undefined) return",
    replace: "if (reader === undefined || (entry === undefined && !this.pool.closed)) return"
  },
  {
    name: "the exit of an interrupted job comes again",
    find: "if (!Exit.hasInterrupts(exit)) return resume(onExit(exit))",
    replace: "if (exit !== undefined) return resume(onExit(exit))"
  },
  {
    name: "a failure ends exits",
    find: "pile.read((exit) => Effect.succeed(Arr.of(exit)), Cause.done())",
    replace: "pile.read((exit) => Exit.map(exit, (value) => Arr.of(Exit.succeed(value))), Cause.done()) as never"
  }
])

const verbs = faultsOf("internal/verbs.ts", ["verbs", "service", "starmap", "source"], [
  {
    name: "starmap gives the tuple as one argument",
    find: "mapVerb({ ordered: true, exits: false }, spread)",
    replace: "mapVerb({ ordered: true, exits: false })",
    tests: ["starmap"]
  },
  {
    name: "several sources give the tuple as one argument",
    find: "sources.length === 1 ? f as",
    replace: "sources.length > 0 ? f as",
    tests: ["source"]
  },
  {
    name: "spawnN does not report",
    find: "fiber, effect, options, reports)",
    replace: "fiber, effect, options)",
    tests: ["reports"]
  },
  {
    name: "free does not count what is taken",
    find: "pool.slots.semaphore.free)",
    replace: "pool.slots.semaphore.permits)",
    tests: ["slots"]
  },
  {
    name: "any object in the last place is options",
    find: "prototype === Object.prototype || prototype === null",
    replace: "prototype !== Array.prototype"
  },
  {
    name: "a map takes no note of its options",
    find: "sources, mode, options)",
    replace: "sources, mode)"
  }
])

const greenPool = faultsOf("GreenPool.ts", ["service"], [
  {
    name: "a pool does not end with its scope",
    find: "(pool) => pool.close)",
    replace: "() => Effect.void)",
    tests: ["close"]
  },
  {
    name: "a service key's own name wins over the options",
    find: "{ name: id, ...given(options) }",
    replace: "{ ...given(options), name: id }"
  },
  {
    name: "a service key does not name its pool",
    find: "{ name: id, ...given(options) }",
    replace: "given(options)"
  },
  {
    name: "the configuration is ignored",
    find: "Effect.flatMap(Config.unwrap(config), makeUnbounded)",
    replace: "Effect.flatMap(Config.unwrap(config), () => makeUnbounded())"
  },
  {
    name: "a service key ignores its configuration",
    find: "makeOwn({ ...own, ...given(options) })",
    replace: "makeOwn(own)"
  },
  {
    name: "the configuration of a service key replaces all of its options",
    find: "makeOwn({ ...own, ...given(options) })",
    replace: "makeOwn(options)"
  },
  {
    name: "the configuration of a service key takes options away by undefined",
    find: "makeOwn({ ...own, ...given(options) })",
    replace: "makeOwn({ ...own, ...options })"
  }
])

const schemas = [
  ...faultsOf("PoolSize.ts", ["schema", "resize"], [
    {
      name: "a negative size is accepted",
      find: "Schema.isGreaterThanOrEqualTo(0)",
      replace: "Schema.isGreaterThanOrEqualTo(-1)"
    },
    {
      name: "a fraction is accepted",
      find: "Schema.Int.check",
      replace: "Schema.Finite.check"
    },
    {
      name: "nothing is checked",
      find: "isPoolSize(size) ? Effect.succeed(size)",
      replace: "isPoolSize(0) ? Effect.succeed(size as PoolSize)"
    },
    {
      name: "the refused value is not named",
      find: "Invalid pool size ${this.value}",
      replace: "Invalid pool size"
    }
  ]),
  ...faultsOf("PoolStats.ts", ["schema", "resize"], [
    {
      name: "stats refuse a negative number of free slots",
      find: "free: Schema.Int,",
      replace: "free: Count,"
    }
  ]),
  ...faultsOf("Source.ts", ["source"], [
    {
      name: "a SourceError does not quote its cause",
      find: "cause instanceof Error ? cause.message : Formatter.format(cause)",
      replace: "Formatter.format(\"\")"
    }
  ])
]

export const faults: ReadonlyArray<Fault> = [
  ...line,
  ...semaphore,
  ...slots,
  ...pool,
  ...spawn,
  ...map,
  ...source,
  ...pile,
  ...verbs,
  ...greenPool,
  ...schemas,
  ...admission,
  ...observation
]
