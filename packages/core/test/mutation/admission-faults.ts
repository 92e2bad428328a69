/**
 * The faults in admission: bounds, keys, priorities and draining.
 */
import { type Fault, faultsOf } from "./fault.ts"

const heap = faultsOf("internal/heap.ts", ["heap", "shares", "priority"], [
  {
    name: "one who left a heap keeps his rank",
    find: "    member.index = -1\n",
    replace: "",
    tests: ["heap"]
  },
  {
    name: "a heap does not close the gap of one who left",
    find: "    if (last !== member) {\n      this.put(last, member.index)\n      this.moved(last)\n    }\n",
    replace: ""
  },
  {
    name: "who fills a gap in a heap stays where he is put",
    find: "      this.moved(last)\n",
    replace: ""
  },
  {
    name: "who fills a gap in a heap never rises",
    find: "      this.moved(last)\n",
    replace: "      this.sink(last)\n"
  },
  {
    name: "who fills a gap in a heap never sinks",
    find: "      this.moved(last)\n",
    replace: "      this.rise(last)\n"
  },
  {
    name: "who is in no heap is taken out of one",
    find: "    if (this.members[member.index] !== member) return\n",
    replace: ""
  },
  {
    name: "a heap looks for who is above at the wrong place",
    find: "(member.index - 1) >> 1",
    replace: "member.index >> 1"
  },
  {
    name: "a heap looks to the left only",
    find: "const below = right !== undefined && this.isBefore(right, left) ? right : left",
    replace: "const below = left"
  },
  {
    name: "who joins a heap does not rise",
    find: "    this.put(member, this.members.length)\n    this.rise(member)\n",
    replace: "    this.put(member, this.members.length)\n"
  },
  {
    name: "who moves in a heap never rises",
    find: "    this.rise(member)\n    this.sink(member)\n",
    replace: "    this.sink(member)\n"
  },
  {
    name: "who moves in a heap never sinks",
    find: "    this.rise(member)\n    this.sink(member)\n",
    replace: "    this.rise(member)\n"
  }
])

const shares = faultsOf("internal/shares.ts", ["shares", "shares-property", "admission-corners", "priority"], [
  {
    name: "a key keeps the place of a caller who has left",
    find: "    claim.arrival.leave()\n",
    replace: "",
    tests: ["admission-corners"]
  },
  {
    name: "a key whose first caller has left is not ranked anew",
    find: "    if (flow.waiting.first !== undefined) this.backlogged.moved(flow)\n",
    replace: "",
    tests: ["admission-corners"]
  },
  {
    name: "a key came when the next of its callers did",
    find: "    return (this.arrivals.first as Arrival).number\n",
    replace: "    return (this.waiting.first as Claim).arrival.number\n",
    tests: ["admission-corners"]
  },
  {
    name: "ever new keys keep the present where it is",
    find: "    this.advance(this.fair - 2 * this.longest)\n",
    replace: ""
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
    name: "the weights of keys that have left still count",
    find: "    this.weights -= flow.weight\n",
    replace: ""
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
    name: "a charge is never corrected",
    find: "    this.flow.finishTag += (time - this.estimate) / this.flow.weight\n",
    replace: ""
  },
  {
    name: "a grant is not charged",
    find: "    this.flow.finishTag += estimate / this.flow.weight\n",
    replace: ""
  },
  {
    name: "the time of the grant is forgotten",
    find: "    this.grantedAt = now\n",
    replace: ""
  },
  {
    name: "time that goes back is an income",
    find: "Math.max(0, now - this.grantedAt)",
    replace: "now - this.grantedAt",
    equivalent: "Slots are charged by monotonic time, which does not go back: the bound says so."
  },
  {
    name: "a key does not count what it has running",
    find: "    this.flow.running++\n",
    replace: ""
  },
  {
    name: "a key counts what has ended as running",
    find: "    this.flow.running--\n",
    replace: ""
  },
  {
    name: "a key is charged the mean of all keys",
    find: "flow.mean ?? this.mean ?? 0",
    replace: "this.mean ?? 0"
  },
  {
    name: "a new key is charged nothing at its first grant",
    find: "flow.mean ?? this.mean ?? 0",
    replace: "flow.mean ?? 0"
  },
  {
    name: "the mean time of a job is that of the first",
    find: "mean === undefined ? time : mean + (time - mean) / 8",
    replace: "mean === undefined ? time : mean"
  },
  {
    name: "a lower priority goes first",
    find: "(claim.job.terms?.options?.priority ?? 0)\n",
    replace: "-(claim.job.terms?.options?.priority ?? 0)\n",
    tests: ["priority"]
  },
  {
    name: "priorities are ignored",
    find: "- (claim.job.terms?.options?.priority ?? 0)",
    replace: "",
    tests: ["priority"]
  },
  {
    name: "time in the queue is ignored",
    find: "joined * this.boost - (",
    replace: "-(",
    tests: ["priority"]
  },
  {
    name: "time in the queue lowers a priority",
    find: "joined * this.boost - (",
    replace: "-joined * this.boost - (",
    tests: ["priority"]
  },
  {
    name: "a level is gained each millisecond",
    find: "boostPerSecond / 1000",
    replace: "boostPerSecond",
    tests: ["priority"]
  },
  {
    name: "within a key the last goes first",
    find: "a.arrival.number < b.arrival.number",
    replace: "a.arrival.number > b.arrival.number"
  },
  {
    name: "within a key equals are in no order",
    find: "    claim.arrival.number = ++this.arrivals\n",
    replace: ""
  },
  {
    name: "of equal keys the one served last goes first",
    find: "a.served < b.served",
    replace: "a.served > b.served"
  },
  {
    name: "keys that were never served are in no order",
    find: "(a.served === b.served && a.joined < b.joined)",
    replace: "false",
    tests: ["admission-corners", "shares"]
  },
  {
    name: "of keys that were never served the last goes first",
    find: "a.joined < b.joined",
    replace: "a.joined > b.joined",
    tests: ["admission-corners", "shares"]
  },
  {
    name: "equal keys are in no order",
    find: "    flow.served = ++this.grants\n",
    replace: ""
  },
  {
    name: "a key in the queue is ranked by its charge alone",
    find: "if (a.startTag !== b.startTag) return a.startTag < b.startTag",
    replace: "if (a.finishTag !== b.finishTag) return a.finishTag < b.finishTag"
  },
  {
    name: "the greatest debt is looked at first",
    find: "a.finishTag < b.finishTag",
    replace: "a.finishTag > b.finishTag"
  },
  {
    name: "a key in the queue is not kept",
    find: "    this.flows.set(flow.key, flow)\n    this.weights",
    replace: "    this.weights"
  },
  {
    name: "a key that is served at once is not kept",
    find: "    this.flows.set(flow.key, flow)\n",
    replace: ""
  },
  {
    name: "each job is a key of its own",
    find: "this.flows.get(key) ?? new Flow",
    replace: "new Flow"
  },
  {
    name: "a key competes as often as it has somebody in the queue",
    find: "    if (!isFirst) return\n",
    replace: ""
  },
  {
    name: "a debtor in the queue is still among the debtors",
    find: "    this.debtors.remove(flow)\n    this.flows.set",
    replace: "    this.flows.set"
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
    find: "    flow.startTag = Math.max(this.virtualTime, flow.finishTag)\n    this.backlogged.moved",
    replace: "    flow.startTag = flow.finishTag\n    this.backlogged.moved"
  },
  {
    name: "a key that returns has its debt remitted",
    find: "    flow.startTag = Math.max(this.virtualTime, flow.finishTag)\n    this.backlogged.push",
    replace: "    flow.startTag = this.virtualTime\n    this.backlogged.push"
  },
  {
    name: "one who leaves the queue stays among the claims",
    find: "    this.drop(claim)\n    // Among",
    replace: "    // Among"
  },
  {
    name: "a key whose last one left the queue is kept",
    find: "this.backlogged.moved(flow)\n    this.settle(flow)\n",
    replace: "this.backlogged.moved(flow)\n"
  },
  {
    name: "one who is granted a slot stays among the claims",
    find: "    if (isWaiting) this.drop(claim)\n",
    replace: ""
  },
  {
    name: "the present does not move",
    find: "    this.advance(flow.finishTag)\n",
    replace: ""
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
    name: "a key is not ranked anew when it is served",
    find: "?? 0)\n    this.update(flow)\n",
    replace: "?? 0)\n"
  },
  {
    name: "a key is not ranked anew when its job has ended",
    find: "this.mean = ewma(this.mean, time)\n    this.update(flow)\n",
    replace: "this.mean = ewma(this.mean, time)\n"
  },
  {
    name: "debtors are kept for ever",
    find: "      this.flows.delete(paid.key)\n",
    replace: ""
  },
  {
    name: "the present is never compared with the debts",
    find: "paid !== undefined && paid.finishTag <= this.virtualTime;",
    replace: "paid !== undefined && false;"
  },
  {
    name: "a key whose job has ended is kept",
    find: "    this.advance(this.fair - 2 * this.longest)\n    this.settle(flow)\n",
    replace: "    this.advance(this.fair - 2 * this.longest)\n"
  },
  {
    name: "a key with nobody in the queue competes",
    find: "    if (flow.waiting.first === undefined) this.backlogged.remove(flow)\n",
    replace: ""
  },
  {
    name: "a key competes no more when one of it was served",
    find: "    if (flow.waiting.first === undefined) this.backlogged.remove(flow)\n",
    replace: "    this.backlogged.remove(flow)\n"
  },
  {
    name: "a key is forgotten while its jobs run",
    find: "return this.running > 0 || this.waiting.first !== undefined",
    replace: "return this.waiting.first !== undefined"
  },
  {
    name: "a key is forgotten while it is in the queue",
    find: "return this.running > 0 || this.waiting.first !== undefined",
    replace: "return this.running > 0"
  },
  {
    name: "debts are forgotten with the last job",
    find: "    if (flow.finishTag > this.virtualTime) this.debtors.push(flow)\n    else this.flows",
    replace: "    this.flows"
  },
  {
    name: "keys without a debt are debtors",
    find: "    if (flow.finishTag > this.virtualTime) this.debtors.push(flow)\n" +
      "    else this.flows.delete(flow.key)\n",
    replace: "    this.debtors.push(flow)\n"
  },
  {
    name: "any priority is accepted",
    find: "!Number.isFinite(priority)",
    replace: "false",
    tests: ["priority"]
  },
  {
    name: "no key is asked for its weight too",
    find: "key === undefined ? 1 : this.weightOf(key)",
    replace: "this.weightOf(key as string)"
  }
])

const alarm = faultsOf("internal/timers.ts", ["bounds", "drain"], [
  {
    name: "an earlier call does not shorten the sleep",
    find: "this.sleeping !== undefined && this.sleeping.until <= until) return",
    replace: "this.sleeping !== undefined) return"
  },
  {
    name: "each call begins a sleep of its own",
    find: "    if (until !== undefined && this.sleeping !== undefined && this.sleeping.until <= until) return\n",
    replace: ""
  },
  {
    name: "a sleep that nobody needs goes on",
    find: "    this.sleeping?.fiber.interruptUnsafe()\n",
    replace: ""
  },
  {
    name: "a call that was taken back is made",
    find: "    this.calls.remove(call)\n    this.set()\n",
    replace: "    this.set()\n"
  },
  {
    name: "the sleep goes on when the last call was taken back",
    find: "    this.calls.remove(call)\n    this.set()\n",
    replace: "    this.calls.remove(call)\n"
  },
  {
    name: "a sleep that is over is still said to last",
    find: "  private fire(until: number): void {\n    this.sleeping = undefined\n",
    replace: "  private fire(until: number): void {\n"
  },
  {
    name: "after the first calls no others are made",
    find: "    this.isFiring = false\n    this.sleep()\n",
    replace: "    this.isFiring = false\n"
  },
  {
    name: "an interrupted sleep rings",
    find: "if (exit._tag === \"Success\") this.fire(until)",
    replace: "this.fire(until)"
  },
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
  },
  {
    name: "times to wait are of the clock on the wall",
    find: "toMillis(this.clock.monotonicTimeNanosUnsafe())",
    replace: "this.clock.currentTimeMillisUnsafe()"
  },
  {
    name: "the last call is first",
    find: "a.at < b.at",
    replace: "a.at > b.at"
  }
])

const slots = faultsOf("internal/slots.ts", ["shares", "admission-corners", "priority", "bounds"], [
  {
    name: "who gets a slot at once is charged nothing",
    find: "    if (this.shares !== undefined) this.charge(job)\n",
    replace: ""
  },
  {
    name: "jobs without a key are no key",
    find: "if (this.shares !== undefined || job.terms !== undefined) this.claim(job)",
    replace: "if (job.terms !== undefined) this.claim(job)"
  },
  {
    name: "nobody brings a key",
    find: "if (this.shares !== undefined || job.terms !== undefined) this.claim(job)",
    replace: "if (this.shares !== undefined) this.claim(job)"
  },
  {
    name: "a weight that throws keeps the slot",
    find: "    if (this.shares !== undefined || job.terms !== undefined) this.claim(job)\n" +
      "    if (!this.semaphore.takeIfAvailable()) return false\n",
    replace: "    const taken = this.semaphore.takeIfAvailable()\n" +
      "    if (this.shares !== undefined || job.terms !== undefined) this.claim(job)\n" +
      "    if (!taken) return false\n"
  },
  {
    name: "nobody has a place within his key",
    find: "    if (claim !== undefined) this.shares?.join(claim, toMillis(job.since - this.began))\n",
    replace: ""
  },
  {
    name: "nobody knows when he came into the queue",
    find: "    job.since = this.now\n    this.semaphore",
    replace: ""
  },
  {
    name: "who came before anybody had a priority has gained nothing",
    find: "shares.join(claim, toMillis(job.since - this.began))",
    replace: "shares.join(claim, toMillis(this.now - this.began))"
  },
  {
    name: "who came before anybody had a key is in no key",
    find: "      shares.join(claim, toMillis(job.since - this.began))\n",
    replace: ""
  },
  {
    name: "the keys do not rule",
    find: "    this.semaphore.next = () => shares.first\n",
    replace: ""
  },
  {
    name: "who outlives his lender is charged to nobody",
    find: "      if (job.terms?.claim !== undefined) termsOf(borrower).claim = job.terms.claim\n",
    replace: ""
  },
  {
    name: "the end of a job is charged to nobody",
    find: "      if (claim !== undefined) this.shares?.end(claim, toMillis(this.now))\n",
    replace: ""
  },
  {
    name: "a slot goes on before it is charged",
    find: "      if (job.terms?.claim !== undefined) this.shares?.end(job.terms.claim, toMillis(this.now))\n" +
      "      this.semaphore.release()\n",
    replace: "      this.semaphore.release()\n" +
      "      if (job.terms?.claim !== undefined) this.shares?.end(job.terms.claim, toMillis(this.now))\n"
  },
  {
    name: "who gets a slot in the queue is charged nothing",
    find: "    if (job.terms !== undefined) this.charge(job)\n",
    replace: ""
  },
  {
    name: "who is cancelled stays among the keys",
    find: "    if (terms !== undefined) this.withdraw(terms)\n    job",
    replace: "    job"
  },
  {
    name: "an idle pool keeps its keys",
    find: "    if (this.shares !== undefined && this.semaphore.isIdle) this.shares = this.semaphore.next = undefined\n",
    replace: ""
  },
  {
    name: "keys are forgotten whenever a job has ended",
    find: "this.shares !== undefined && this.semaphore.isIdle",
    replace: "this.shares !== undefined"
  },
  {
    name: "an idle pool keeps its keys, which do not rule any more",
    find: "this.shares = this.semaphore.next = undefined",
    replace: "this.semaphore.next = undefined"
  },
  {
    name: "a borrower brings his own key",
    find: "    if (job.terms !== undefined) job.terms.claim = undefined\n",
    replace: ""
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
    name: "a timer hits one who was granted a slot",
    find: "this.shares?.grant(terms.claim, toMillis(this.now))\n    terms?.call?.cancel()\n",
    replace: "this.shares?.grant(terms.claim, toMillis(this.now))\n",
    tests: ["bounds"]
  },
  {
    name: "a grant is charged to no key",
    find: "    if (terms?.claim !== undefined) this.shares?.grant(terms.claim, toMillis(this.now))\n",
    replace: ""
  },
  {
    name: "a claim is not taken out of the queue",
    find: "    if (terms.claim !== undefined) this.shares?.leave(terms.claim)\n",
    replace: ""
  },
  {
    name: "the timer of one who left goes on",
    find: "    terms.claim = undefined\n    terms.call?.cancel()\n",
    replace: "    terms.claim = undefined\n",
    tests: ["bounds"]
  },
  {
    name: "slots are charged by the clock on the wall",
    find: "this.ranking.clock.monotonicTimeNanosUnsafe()",
    replace: "this.ranking.clock.currentTimeNanosUnsafe()"
  },
  {
    name: "one who borrows in the end stays among the keys",
    find: "    if (terms !== undefined) this.withdraw(terms)\n    this.lend",
    replace: "    this.lend",
    tests: ["shares", "bounds"]
  },
  {
    name: "waitall ignores those who wait",
    file: "internal/semaphore.ts",
    find: "return this.taken === 0 && this.waiting === 0",
    replace: "return this.taken === 0",
    tests: ["waitall"]
  },
  {
    name: "waitall ignores those who run",
    file: "internal/semaphore.ts",
    find: "return this.taken === 0 && this.waiting === 0",
    replace: "return this.waiting === 0",
    tests: ["waitall"]
  }
])

const pool = faultsOf("internal/pool.ts", ["bounds", "drain"], [
  {
    name: "a pool that drains lets outsiders in",
    file: "internal/gate.ts",
    find: "return this.closed || (this.draining && enclosing === undefined)",
    replace: "return this.closed",
    tests: ["drain"]
  },
  {
    name: "a pool that drains refuses insiders",
    file: "internal/gate.ts",
    find: "return this.closed || (this.draining && enclosing === undefined)",
    replace: "return this.closed || this.draining",
    tests: ["drain"]
  },
  {
    name: "a pool that is closed lets insiders in",
    file: "internal/gate.ts",
    find: "return this.closed || (this.draining && enclosing === undefined)",
    replace: "return (this.closed || this.draining) && enclosing === undefined",
    tests: ["close", "drain"]
  },
  {
    name: "the pool's bounds are for nested jobs too",
    file: "internal/gate.ts",
    find: "job.enclosing === undefined ? this.bounds : undefined",
    replace: "this.bounds",
    tests: ["bounds"]
  },
  {
    name: "maxWait of nested jobs is the pool's",
    file: "internal/gate.ts",
    find: "bounds?.maxWait ?? Infinity",
    replace: "this.settings.maxWait",
    tests: ["bounds"]
  },
  {
    name: "maxWait of a call is ignored",
    file: "internal/gate.ts",
    find: "asked === undefined ? bounds?.maxWait ?? Infinity : Duration.toMillis(asked)",
    replace: "bounds?.maxWait ?? Infinity",
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
    name: "maxWait of the pool is ignored",
    file: "internal/gate.ts",
    find: "asked === undefined ? bounds?.maxWait ?? Infinity :",
    replace: "asked === undefined ? Infinity :",
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
    name: "maxWait of zero is a turn in the queue",
    file: "internal/gate.ts",
    find: "    if (maxWait <= 0) return Effect.fail(this.reject(\"WaitTimeout\"))\n",
    replace: "",
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
    name: "a slot that came free while maxWaiting was asked is not looked for",
    find: "else this.slots.enter(job)",
    replace: "else this.slots.wait(job)",
    tests: ["bounds", "tracing-reentrancy"]
  },
  {
    name: "a full line rejects somebody beside a slot that came free",
    find: " && semaphore.free <= 0",
    replace: "",
    tests: ["bounds"]
  },
  {
    name: "a pool that was closed while maxWaiting was asked has a queue",
    find: "    if (this.refuses(job.enclosing)) job.onRefuse()\n    else this",
    replace: "    this",
    tests: ["bounds"]
  },
  {
    name: "who is refused when maxWaiting has been asked is not told",
    find: "if (this.refuses(job.enclosing)) job.onRefuse()",
    replace: "if (this.refuses(job.enclosing)) {}",
    tests: ["bounds"]
  },
  {
    name: "who came while maxWaiting was asked is not counted",
    find:
      "    const longest = bounds === undefined ? Infinity : bounds.maxWaiting(semaphore.permits)\n    if (semaphore.waiting + 1",
    replace:
      "    const waited = semaphore.waiting\n    const longest = bounds === undefined ? Infinity : bounds.maxWaiting(semaphore.permits)\n    if (waited + 1",
    tests: ["bounds"]
  },
  {
    name: "who has left the queue meanwhile is rejected later",
    find: "if (job.state !== \"waiting\") {\n      job.terms?.endWait(",
    replace: "if (job.state === \"ended\") {\n      job.terms?.endWait(",
    tests: ["tracing-reentrancy", "slow-wait"]
  },
  {
    name: "maxWaiting is asked for the first size",
    find: "bounds.maxWaiting(semaphore.permits)",
    replace: "bounds.maxWaiting(this.settings.size)",
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
    name: "one whose time is over stays in the queue",
    file: "internal/gate.ts",
    find: "    this.slots.cancel(job)\n",
    replace: "",
    tests: ["bounds"]
  },
  {
    name: "one whose time is over is counted among those in the queue",
    find: "semaphore.waiting - 1",
    replace: "semaphore.waiting",
    tests: ["bounds"]
  },
  {
    name: "one whose time is over is not told why",
    file: "internal/gate.ts",
    find: "wait.refusal = this.reject(",
    replace: "this.reject(",
    tests: ["bounds"]
  },
  {
    name: "one whose time is over is not told",
    file: "internal/gate.ts",
    find: "    job.onRefuse()\n",
    replace: "",
    tests: ["bounds"]
  },
  {
    name: "nobody counts who is rejected",
    file: "internal/ledger.ts",
    find: "    this.outcomes.rejected++\n",
    replace: "",
    tests: ["bounds"]
  },
  {
    name: "every pool drains",
    find: "this.drain === 0 || this",
    replace: "this",
    tests: ["close", "drain"]
  },
  {
    name: "a pool that is closed from inside drains",
    find: "this.drain === 0 || this.jobAround(fiber) !== undefined",
    replace: "this.drain === 0",
    tests: ["drain"]
  },
  {
    name: "a pool that drains takes no note of it",
    find: "    this.gate.draining = true\n",
    replace: "",
    tests: ["drain"]
  },
  {
    name: "maps are not told that the pool drains",
    find: "    this.gate.draining = true\n    for (const group of this.groups) group.lookAgain()\n",
    replace: "    this.gate.draining = true\n",
    tests: ["drain"]
  },
  {
    name: "a pool that is idle waits to drain",
    find: "    if (this.slots.isIdle) return resume(Effect.void)\n    const waiter = new IdleWaiter((effect)",
    replace: "    const waiter = new IdleWaiter((effect)",
    tests: ["drain"]
  },
  {
    name: "one whose drain is over in time is still among the idle",
    find: "        waiter.leave()\n        this.schedule(() => resume(Effect.void))",
    replace: "        this.schedule(() => resume(Effect.void))",
    tests: ["drain"],
    equivalent: "The close, which follows, wakes him a second time, which does nothing: leaving says so."
  },
  {
    name: "the end of a drain's time wakes all",
    find: "        waiter.leave()\n        this.schedule(() => resume(Effect.void))",
    replace: "        this.wakeIdle(Effect.void)",
    tests: ["drain", "admission-corners"]
  },
  {
    name: "drainTimeout is ignored",
    find: "this.drain === Infinity",
    replace: "this.drain > 0",
    tests: ["drain"]
  },
  {
    name: "the timer of a drain goes on after it",
    find: "      timeout?.cancel()\n      resume(effect)",
    replace: "      resume(effect)",
    tests: ["drain"]
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

const run = faultsOf("internal/run.ts", ["available", "bounds", "drain"], [
  {
    name: "runIfAvailable borrows",
    find: "this.pool.gate.enterIfAvailable(this) ?",
    replace: "this.slots.takeOrBorrow(this) ?"
  },
  {
    name: "runIfAvailable waits",
    find: "Effect.suspend(() => job.enterIfAvailable(fiber))",
    replace: "Effect.withFiber(job.enter)"
  },
  {
    name: "runIfAvailable takes no note of its key",
    find: "Effect.asSome(effect), options)",
    replace: "Effect.asSome(effect))",
    tests: ["shares", "available"]
  },
  {
    name: "runIfAvailable has no job around it",
    find: "pool.jobAround(fiber), Effect.asSome",
    replace: "undefined, Effect.asSome",
    tests: ["available", "drain"]
  },
  {
    name: "runIfAvailable works on a closed pool",
    find: "    if (this.pool.refuses(this.enclosing)) return Effect.interrupt\n    this.mark(fiber)\n    return",
    replace: "    this.mark(fiber)\n    return",
    tests: ["available", "drain"]
  },
  {
    name: "runIfAvailable runs its job outside of the pool",
    find: "    this.mark(fiber)\n    return this.slots",
    replace: "    return this.slots"
  },
  {
    name: "none is counted as a rejection",
    find: "if (this.pool.refuses(this.enclosing)) return Effect.interrupt\n    this.mark(fiber)\n    return",
    replace: "if (this.pool.refuses(this.enclosing)) return Effect.interrupt\n    this.mark(fiber)\n" +
      "    if (this.slots.semaphore.free <= 0) this.slots.tally.rejected++\n    return"
  },
  {
    name: "run takes no note of what it is asked",
    find: "pool.jobAround(fiber), effect, options)",
    replace: "pool.jobAround(fiber), effect)",
    tests: ["bounds", "priority"]
  },
  {
    name: "run goes on when it is rejected",
    find: "    if (refusal !== undefined) return Effect.fail(refusal)\n",
    replace: "",
    tests: ["bounds"]
  },
  {
    name: "run is interrupted when its time in the queue is over",
    find: "    if (this.wait?.refusal !== undefined) return Effect.fail(this.wait.refusal)\n",
    replace: "",
    tests: ["bounds"]
  }
])

const spawn = faultsOf("internal/spawn.ts", ["available", "bounds", "drain"], [
  {
    name: "spawnIfAvailable borrows",
    find: "return job.pool.gate.enterIfAvailable(job) ?",
    replace: "return job.slots.takeOrBorrow(job) ?"
  },
  {
    name: "spawnIfAvailable works on a closed pool",
    find: "  if (job.isRefused) return Effect.interrupt\n",
    replace: "",
    tests: ["available", "drain"]
  },
  {
    name: "spawn takes no note of what it is asked",
    find: "pool.jobAround(spawner), options)",
    replace: "pool.jobAround(spawner))",
    tests: ["bounds"]
  },
  {
    name: "spawn lets outsiders into a pool that drains",
    find: "this.pool.gate.refuses(this.enclosing) ||",
    replace: "this.pool.gate.closed ||",
    tests: ["drain"]
  },
  {
    name: "a spawner who is rejected is interrupted",
    find: "return resume(Effect.fail(refusal))",
    replace: "return resume(Effect.interrupt)",
    tests: ["bounds"]
  },
  {
    name: "a pile keeps a place for one who is rejected",
    find: "    const refusal = this.pool.enter(this, this.context)\n" +
      "    if (refusal !== undefined) return resume(Effect.fail(refusal))\n    this.receiver?.onEnter()\n",
    replace: "    this.listener?.onEnter()\n    const refusal = this.pool.enter(this, this.context)\n" +
      "    if (refusal !== undefined) return resume(Effect.fail(refusal))\n",
    tests: ["bounds", "pile"]
  },
  {
    name: "a spawner whose time in the queue is over is interrupted",
    find: "resume(this.wait?.refusal === undefined ? Effect.interrupt : Effect.fail(this.wait.refusal))",
    replace: "resume(Effect.interrupt)",
    tests: ["bounds"]
  }
])

const map = faultsOf("internal/map.ts", ["drain", "imap"], [
  {
    name: "a map from outside starts on a pool that drains",
    find: "if (pool.refuses(pool.jobAround(fiber))) return",
    replace: "if (pool.closed) return"
  },
  {
    name: "a map from inside starts on no pool that drains",
    find: "if (pool.refuses(pool.jobAround(fiber))) return",
    replace: "if (pool.closed || pool.draining) return"
  },
  {
    name: "a map from inside ends when the pool drains",
    find: "return this.pool.gate.refuses(this.enclosing) && this.inFlight === 0 && this.ended === undefined",
    replace:
      "return (this.pool.gate.closed || this.pool.gate.draining) && this.inFlight === 0 && this.ended === undefined"
  },
  {
    name: "a map pulls on while the pool drains",
    find: " && !this.pool.refuses(this.enclosing)",
    replace: ""
  },
  {
    name: "a map ends at once when the pool drains",
    find: "return this.pool.gate.refuses(this.enclosing) && this.inFlight === 0 && ",
    replace: "return this.pool.gate.refuses(this.enclosing) && "
  },
  {
    name: "a map that has come to its end is interrupted",
    find: "return this.pool.gate.refuses(this.enclosing) && this.inFlight === 0 && this.ended === undefined",
    replace: "return this.pool.gate.refuses(this.enclosing) && this.inFlight === 0"
  },
  {
    name: "a map that waits for its source is not woken by a drain",
    find: "    if (this.isDrained) this.wakeConsumer()\n",
    replace: ""
  },
  {
    name: "a map that has drained waits on",
    find: "    if (this.isDrained) return Effect.andThen(this.close, Effect.interrupt)\n",
    replace: ""
  },
  {
    name: "a map that has drained ends as if it were through",
    find: "if (this.isDrained) return Effect.andThen(this.close, Effect.interrupt)",
    replace: "if (this.isDrained) return Effect.andThen(this.close, Cause.done())"
  },
  {
    name: "a map that has drained leaves its source open",
    find: "if (this.isDrained) return Effect.andThen(this.close, Effect.interrupt)",
    replace: "if (this.isDrained) return Effect.interrupt",
    equivalent: "The end of the stream closes the map too, and nothing of it is in flight here: closing first says so."
  },
  {
    name: "a map that has drained is not ready to end",
    find: "this.over !== undefined || this.isDrained ||",
    replace: "this.over !== undefined ||",
    tests: ["gaps", "drain"]
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
    name: "a weight may be infinite",
    find: "Number.isFinite(value) && value > 0",
    replace: "value > 0",
    tests: ["shares"]
  },
  {
    name: "a weight may be 0",
    find: "Number.isFinite(value) && value > 0",
    replace: "Number.isFinite(value) && value >= 0",
    tests: ["shares"]
  },
  {
    name: "keys have the same weight",
    find: "const value = weight(key)",
    replace: "const value = 1",
    tests: ["shares"]
  },
  {
    name: "priorityBoost may be negative",
    find: "Number.isFinite(priorityBoost) && priorityBoost >= 0",
    replace: "Number.isFinite(priorityBoost)",
    tests: ["priority"]
  },
  {
    name: "priorityBoost may be infinite",
    find: "Number.isFinite(priorityBoost) && priorityBoost >= 0",
    replace: "priorityBoost >= 0",
    tests: ["priority"]
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

const verbs = faultsOf("Verbs.ts", ["verbs", "service", "bounds", "available"], [
  {
    name: "the maps are never data-last",
    find: "sources.length === 0 ? (source: Source.Any) => over([source]) : over(sources)",
    replace: "over(sources)"
  },
  {
    name: "the verbs lose options that come last",
    find: "typeof options === \"object\" ? options : undefined",
    replace: "undefined"
  },
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
  },
  {
    name: "runIfAvailable waits",
    find: "runIfAvailable(pool, effect, options)",
    replace: "Effect.asSome(run(pool, effect, options))",
    tests: ["available"]
  }
])

const surface = faultsOf("GreenPool.ts", ["bounds", "service"], [
  {
    name: "the common key may have maxWaiting",
    find: "options.maxWaiting !== undefined || options.maxWait !== undefined",
    replace: "options.maxWait !== undefined",
    tests: ["bounds"]
  },
  {
    name: "the common key may have maxWait",
    find: "options.maxWaiting !== undefined || options.maxWait !== undefined",
    replace: "options.maxWaiting !== undefined",
    tests: ["bounds"]
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
  ...map,
  ...options,
  ...errors,
  ...verbs,
  ...surface,
  ...piles
]
