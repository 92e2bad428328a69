/**
 * The faults, file by file.
 */
import { admission } from "./admission-faults.ts"
import { type Fault, faultsOf } from "./fault.ts"
import { observation } from "./observation-faults.ts"

const line = faultsOf("internal/linked-list.ts", ["linked-list", "semaphore"], [
  {
    name: "one who left keeps his links",
    find: "    this.prev = this\n    this.next = this\n",
    replace: ""
  },
  {
    name: "push puts at the head",
    find: "this.insert(node, this.ends)",
    replace: "this.insert(node, this.ends.next)"
  },
  {
    name: "pushBefore passes the wrong ones",
    find: "!isAfter(next as T)",
    replace: "isAfter(next as T)"
  },
  {
    name: "shift leaves the first in the queue",
    find: "first?.leave()",
    replace: ""
  },
  {
    name: "an empty line is appended as well",
    find: "if (other.isEmpty) return",
    replace: "",
    equivalent: "Moving an empty line changes no link without the check too: the check says so."
  },
  {
    name: "append leaves the other line full",
    find: "    ends.prev = ends\n    ends.next = ends\n",
    replace: ""
  },
  {
    name: "a queue that overlaps is merged behind those who came later",
    find: "    while (next.prev !== this.ends && isBefore(first, next.prev as T)) next = next.prev\n",
    replace: ""
  },
  {
    name: "a merge begins at the head of a queue that came sooner",
    find: "    while (next.prev !== this.ends && isBefore(first, next.prev as T)) next = next.prev\n",
    replace: "    next = this.ends.next\n",
    equivalent: "It finds the same places and only walks further: the order tells, not where the walk begins."
  },
  {
    name: "a merge does not put anybody between",
    find: "      if (isBefore(first, next as T)) {",
    replace: "      if (false) {"
  },
  {
    name: "a merge leaves those who came last",
    find: "    this.append(other)\n",
    replace: ""
  },
  {
    name: "the backward links of an insertion are forgotten",
    find: "    next.prev = node\n",
    replace: ""
  }
])

const semaphore = faultsOf("internal/semaphore.ts", ["semaphore", "resize", "slots"], [
  {
    name: "one permit too many is taken",
    find: "if (this.taken >= this.permits) return false",
    replace: "if (this.taken > this.permits) return false"
  },
  {
    name: "a permit is taken without being counted",
    find: "    this.taken++\n    return true",
    replace: "    return true"
  },
  {
    name: "one who waits is not counted",
    find: "    this.waiting++\n",
    replace: ""
  },
  {
    name: "one who leaves the queue is still counted",
    find: "    this.waiting--\n    waiter.leave()",
    replace: "    waiter.leave()"
  },
  {
    name: "one who leaves stays in the queue",
    find: "    this.waiting--\n    waiter.leave()",
    replace: "    this.waiting--"
  },
  {
    name: "one who is dismissed is still counted",
    find: "if (waiter !== undefined) this.leave(waiter)",
    replace: "waiter?.leave()"
  },
  {
    name: "a release is dropped",
    find: "    this.taken--\n    this.grant()",
    replace: "    this.grant()"
  },
  {
    name: "a release wakes nobody",
    find: "    this.taken--\n    this.grant()",
    replace: "    this.taken--"
  },
  {
    name: "a release wakes two",
    find: "    this.taken--\n    this.grant()",
    replace:
      "    this.taken--\n    this.grant()\n    const second = this.dismiss()\n    if (second !== undefined) {\n" +
      "      this.taken++\n      second.onPermit()\n    }"
  },
  {
    name: "a release hands the permit on although the size has shrunk",
    find: "    this.taken--\n    this.grant()",
    replace: "    this.taken--\n    const next = this.dismiss()\n    if (next !== undefined) {\n" +
      "      this.taken++\n      next.onPermit()\n    }"
  },
  {
    name: "growing wakes nobody",
    find: "    this.permits = permits\n    this.grant()",
    replace: "    this.permits = permits"
  },
  {
    name: "growing wakes as many as it grows by",
    find: "    this.permits = permits\n    this.grant()",
    replace: "    const more = permits - this.permits\n    this.permits = permits\n" +
      "    for (let i = 0; i < more; i++) {\n      const waiter = this.dismiss()\n      if (waiter === undefined) return\n" +
      "      this.taken++\n      waiter.onPermit()\n    }"
  },
  {
    name: "growing wakes one only",
    find: "while (this.taken < this.permits) {",
    replace: "if (this.taken < this.permits) {"
  },
  {
    name: "shrinking takes permits away",
    find: "    this.permits = permits\n    this.grant()",
    replace: "    this.permits = permits\n    this.taken = Math.min(this.taken, permits)\n    this.grant()"
  },
  {
    name: "one more is granted than there are permits",
    find: "while (this.taken < this.permits) {",
    replace: "while (this.taken <= this.permits) {"
  },
  {
    name: "a grant goes to the tail",
    find: "this.dismiss(this.next?.())",
    replace: "this.dismiss(this.next?.() ?? this.queue.toArray().at(-1))"
  },
  {
    name: "a grant skips the head",
    find: "this.dismiss(this.next?.())",
    replace: "this.dismiss(this.next?.() ?? this.queue.toArray().at(this.waiting > 1 ? 1 : 0))"
  },
  {
    name: "a grant is not counted",
    find: "      this.taken++\n      waiter.onPermit()",
    replace: "      waiter.onPermit()"
  },
  {
    name: "a grant is not told",
    find: "      this.taken++\n      waiter.onPermit()",
    replace: "      this.taken++"
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
    name: "only one ended job is looked through",
    find: "while (job !== undefined && job.state === \"ended\") job = job.enclosing",
    replace: "if (job !== undefined && job.state === \"ended\") job = job.enclosing",
    tests: ["gaps"]
  },
  {
    name: "an ended job is not looked through",
    find: "while (job !== undefined && job.state === \"ended\") job = job.enclosing",
    replace: ""
  },
  {
    name: "a slot is lent twice",
    find: "      if (around.borrower === undefined) {",
    replace: "      if (around !== undefined) {"
  },
  {
    name: "a slot is never lent",
    find: "    this.lend(around, job)\n    return true\n",
    replace: "    return false\n"
  },
  {
    name: "nothing is lent on a paused pool",
    find: "if (around === undefined || around.borrower !== undefined) return false",
    replace: "if (around === undefined || around.borrower !== undefined || this.semaphore.permits === 0) " +
      "return false",
    tests: ["resize", "reentrancy"]
  },
  {
    name: "lending comes before free slots",
    find: "if (this.takeIfAvailable(job)) return true",
    replace: "if (running(job.enclosing) === undefined && this.takeIfAvailable(job)) return true"
  },
  {
    name: "nobody seeks the slot of the job around him",
    find: "      around.seekers.push(job.seeker = new Seeker(job, this.sought++))\n",
    replace: ""
  },
  {
    name: "a nested job borrows from one that has ended",
    find: "if (this.takeIfAvailable(job)) return true\n    const around = job.enclosing = running(job.enclosing)",
    replace: "if (this.takeIfAvailable(job)) return true\n    const around = job.enclosing",
    tests: ["gaps"]
  },
  {
    name: "one who is cancelled stays among the seekers",
    find: "this.withdraw(terms)\n    job.seeker?.leave()",
    replace: "this.withdraw(terms)"
  },
  {
    name: "one who is granted stays among the seekers",
    find: "this.meter)\n    job.seeker?.leave()",
    replace: "this.meter)"
  },
  {
    name: "one who is cancelled is still said to wait",
    find: "    job.state = \"ended\"\n    terms",
    replace: "    terms",
    tests: ["interruption", "close"]
  },
  {
    name: "only the first is refused at the close",
    find: "      job.onRefuse()\n    }",
    replace: "      job.onRefuse()\n      return\n    }",
    tests: ["close"]
  },
  {
    name: "the refused are not told",
    find: "      job.onRefuse()\n    }",
    replace: "    }",
    tests: ["close"]
  },
  {
    name: "a borrower that outlives its lender takes the slot of the pool for its own",
    find: "borrower.lender = lender\n",
    replace: "borrower.lender = undefined\n",
    tests: ["gaps"]
  },
  {
    name: "the next lender forgets the borrower that it inherits",
    find: "      if (lender !== undefined) lender.borrower = borrower\n",
    replace: ""
  },
  {
    name: "a borrower that outlives its lender stays counted as borrowed",
    find: "      if (lender !== undefined) lender.borrower = borrower\n      this.ledger.borrowed--",
    replace: "      if (lender !== undefined) lender.borrower = borrower"
  },
  {
    name: "a lent slot is given back at the end of the lender",
    find: "      if (lender !== undefined) lender.borrower = borrower\n      this.ledger.borrowed--",
    replace: "      if (lender !== undefined) lender.borrower = borrower\n      this.ledger.borrowed--\n" +
      "      this.semaphore.release()"
  },
  {
    name: "a lender is never free to lend again",
    find: "      lender.borrower = undefined\n",
    replace: ""
  },
  {
    name: "a borrower that ends stays counted",
    find: "      this.ledger.borrowed--\n      this.lendOn(lender)",
    replace: "      this.lendOn(lender)"
  },
  {
    name: "a slot that comes back is not lent on",
    find: "      this.ledger.borrowed--\n      this.lendOn(lender)",
    replace: "      this.ledger.borrowed--"
  },
  {
    name: "a borrower that ends frees a slot of the pool",
    find: "      this.ledger.borrowed--\n      this.lendOn(lender)",
    replace: "      this.ledger.borrowed--\n      this.lendOn(lender)\n      this.semaphore.release()"
  },
  {
    name: "the slot of a job that has ended is kept",
    find: "      this.semaphore.release()\n",
    replace: ""
  },
  {
    name: "seekers do not move on to the next job around",
    find: "      around.seekers.merge(job.seekers, cameBefore)\n",
    replace: ""
  },
  {
    name: "seekers that move on are not lent to",
    find: "      around.seekers.merge(job.seekers, cameBefore)\n      this.lendOn(around)",
    replace: "      around.seekers.merge(job.seekers, cameBefore)"
  },
  {
    name: "seekers that move on go behind those who came later",
    find: "around.seekers.merge(job.seekers, cameBefore)",
    replace: "around.seekers.append(job.seekers)"
  },
  {
    name: "all seekers have the same number",
    find: "this.sought++",
    replace: "this.sought"
  },
  {
    name: "seekers move on to the direct enclosing job, ended or not",
    find: "    const around = job.enclosing = running(job.enclosing)\n    job.borrower",
    replace: "    const around = job.enclosing\n    job.borrower"
  },
  {
    name: "an ended job keeps the ended ones around it",
    find: "    const around = job.enclosing = running(job.enclosing)\n    job.borrower",
    replace: "    const around = running(job.enclosing)\n    job.borrower",
    tests: ["longlife"]
  },
  {
    name: "an ended job keeps its lender and its borrower",
    find: "    job.borrower = job.lender = undefined\n",
    replace: "",
    tests: ["gaps"]
  },
  {
    name: "an ended job keeps its seekers",
    find: "    job.waitingInside = undefined\n",
    replace: "",
    equivalent:
      "Nobody asks an ended job for them: with a job around it they have moved on, and without one each leaves by itself."
  },
  {
    name: "a started job is not counted",
    file: "internal/ledger.ts",
    find: "    this.started++\n",
    replace: ""
  },
  {
    name: "nobody hears that one has left the queue",
    find: "Exit.fail(terms.refusal))\n    this.left()",
    replace: "Exit.fail(terms.refusal))",
    tests: ["waitall"]
  },
  {
    name: "nobody hears that a job has ended",
    find: "onEnd() }\n    this.left()",
    replace: "onEnd() }",
    tests: ["waitall"]
  },
  {
    name: "those who watch a job do not hear of its end",
    find: "if (job.onEnd !== undefined) { for (const onEnd of job.onEnd) onEnd() }",
    replace: "",
    tests: ["close"]
  },
  {
    name: "an ended job stays in its group",
    find: "    job.leave()\n    this.retire(job)",
    replace: "    this.retire(job)"
  },
  {
    name: "a job that runs is not in its group",
    find: "    job.peers.push(job)\n",
    replace: "",
    tests: ["close"]
  },
  {
    name: "a borrower does not know its lender",
    find: "    job.lender = lender\n",
    replace: ""
  },
  {
    name: "a loan is not counted",
    find: "    this.ledger.borrowed++\n",
    replace: ""
  },
  {
    name: "a slot is lent on while it is lent",
    find: "if (lender.borrower !== undefined) return",
    replace: ""
  },
  {
    name: "a seeker that is lent a slot stays in the pool's line",
    find: "    this.semaphore.leave(seeker.job)\n",
    replace: ""
  },
  {
    name: "a seeker is not told of its loan",
    find: "    seeker.job.onGrant()\n",
    replace: ""
  }
])

const pool = faultsOf("internal/pool.ts", ["waitall", "close", "reentrancy"], [
  {
    name: "waitall does not die inside",
    find: "if (!this.gate.closed && this.jobAround(fiber) !== undefined) {",
    replace: "if (this.name === \"\") {"
  },
  {
    name: "waitall dies inside a closed pool",
    find: "if (!this.gate.closed && this.jobAround(fiber) !== undefined) {",
    replace: "if (this.jobAround(fiber) !== undefined) {"
  },
  {
    name: "waitall works on a closed pool",
    find: "if (this.gate.closed) return resume(this.gate.refuse)\n    if (this.slots.semaphore.isIdle)",
    replace: "if (this.slots.semaphore.isIdle)",
    tests: ["close"]
  },
  {
    name: "waitall does not look before it waits",
    find:
      "    if (this.slots.semaphore.isIdle) return resume(Effect.void)\n    const waiter = new IdleWaiter(resume)\n",
    replace: "    const waiter = new IdleWaiter(resume)\n"
  },
  {
    name: "an interrupted waitall is kept until the pool is idle",
    find: "return Effect.sync(() => waiter.leave())",
    replace: "return Effect.void",
    tests: ["gaps", "waitall"]
  },
  {
    name: "waitall returns before all have left",
    find: "    if (!this.slots.semaphore.isIdle) return\n",
    replace: ""
  },
  {
    name: "only one of those in waitall returns",
    find: "      this.tasks.schedule(() => waiter.resume(effect))\n",
    replace: "      this.tasks.schedule(() => waiter.resume(effect))\n      return\n"
  },
  {
    name: "resize works on a closed pool",
    find: "this.gate.closed ? this.gate.refuse : checkPoolSize(size)",
    replace: "checkPoolSize(size)",
    tests: ["close"]
  },
  {
    name: "resize does not reach the maps",
    find: "        for (const group of this.groups) group.lookAgain()\n",
    replace: "",
    tests: ["imap", "resize"]
  },
  {
    name: "a closed pool goes on",
    find: "    this.gate.closed = true\n    this.wakeIdle",
    replace: "    this.wakeIdle",
    tests: ["close"]
  },
  {
    name: "the close forgets those in waitall",
    find: "    this.wakeIdle(Effect.interrupt)\n",
    replace: "",
    tests: ["close"]
  },
  {
    name: "the close does not dismiss the queue",
    find: "    this.slots.refuseAll()\n",
    replace: "",
    tests: ["close"]
  },
  {
    name: "the close forgets the jobs of maps and piles",
    find: "      jobs.push(group.jobs.toArray())\n",
    replace: "",
    tests: ["close"]
  },
  {
    name: "a closed party is forgotten with its first job",
    find: "push(() => this.forget(group))",
    replace: "push(() => this.groups.delete(group))",
    tests: ["pile"]
  },
  {
    name: "a closed party whose job goes on is never forgotten",
    find: "    else (first.onEnd ??= []).push(() => this.forget(group))\n",
    replace: "",
    tests: ["pile", "imap-reader"]
  },
  {
    name: "the close is not told to maps and piles",
    find: "      group.lookAgain()\n",
    replace: "",
    tests: ["close"]
  },
  {
    name: "the close waits for the closer's own job",
    find: "if (!around.has(job)) {",
    replace: "if (job !== undefined) {",
    tests: ["close"]
  },
  {
    name: "the close knows only the innermost job of the closer",
    find: "for (let job = this.jobAround(fiber); job !== undefined; job = job.enclosing) around.add(job)",
    replace: "for (let job = this.jobAround(fiber); job !== undefined; job = undefined) around.add(job)",
    tests: ["close"]
  },
  {
    name: "the close does not wait",
    find: "        if (pending === 0) return resume(Effect.void)\n",
    replace: "        if (pending >= 0) return resume(Effect.void)\n",
    tests: ["close"]
  },
  {
    name: "the close waits for one job only",
    find: "if (--pending === 0) onEnded()",
    replace: "if (--pending >= 0) onEnded()",
    tests: ["gaps", "close"]
  },
  {
    name: "the close interrupts nobody",
    find: "        job.interrupt(fiber.id)\n",
    replace: "",
    tests: ["close"]
  },
  {
    name: "the close waits for jobs that have ended already",
    find: "if (job.state !== \"holding\") continue",
    replace: "",
    tests: ["close"]
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
    name: "turns are given again",
    file: "internal/tasks.ts",
    find: "    this.tasks = []\n    for",
    replace: "    for",
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
    name: "a fiber that has outlived its job is inside",
    find: "return running(fiber.getRef(this.job))",
    replace: "return fiber.getRef(this.job)"
  },
  {
    name: "no fiber is inside a job",
    find: "return Context.addUnsafe(context, this.job.key, job)",
    replace: "return context"
  },
  {
    name: "all pools have the same jobs around",
    find: "`@greenpool/core/Job/${++pools}`",
    replace: "`@greenpool/core/Job/${pools}`",
    tests: ["waitall", "reentrancy"]
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

const run = faultsOf("internal/run.ts", ["interruption", "slots", "context", "close"], [
  {
    name: "run works on a closed pool",
    find: "if (this.pool.refuses(this.enclosing)) return Effect.interrupt\n    this.mark(fiber)\n    const refusal",
    replace: "this.mark(fiber)\n    const refusal",
    tests: ["close"]
  },
  {
    name: "run does not give its caller's context back",
    find: "if (this.outer !== undefined) this.fiber?.setContext(this.outer)",
    replace: "",
    tests: ["context", "waitall"]
  },
  {
    name: "run does not mark its fiber",
    find: "    fiber.setContext(this.pool.contextOf(this, this.outer))\n",
    replace: "",
    tests: ["reentrancy", "waitall"]
  },
  {
    name: "an interrupted run stays in the queue",
    find: "    if (this.state === \"waiting\") this.slots.cancel(this)\n    else if",
    replace: "    if"
  },
  {
    name: "run does not give its slot back",
    find: "    else if (this.state === \"holding\") this.slots.end(this, exit)\n",
    replace: ""
  },
  {
    name: "run gives its slot back when it is interrupted, before the finalizers",
    find: "    this.fiber?.interruptUnsafe(fiberId)",
    replace: "    if (this.state === \"holding\") this.slots.end(this, Exit.interrupt(fiberId))\n" +
      "    this.fiber?.interruptUnsafe(fiberId)",
    tests: ["close"]
  },
  {
    name: "the release of run is installed after the slot is taken",
    find: "return Effect.onExitPrimitive(Effect.withFiber(job.enter), job.exit)",
    replace: "return Effect.flatMap(\n      Effect.withFiber((fiber) => Effect.succeed(job.enter(fiber))),\n" +
      "      (effect) => Effect.onExitPrimitive(effect, job.exit)\n    )"
  },
  {
    name: "run goes on without a slot",
    find: "return this.state === \"holding\" && !this.pool.gate.closed ? this.effect : Effect.interrupt",
    replace: "return !this.pool.gate.closed ? this.effect : Effect.interrupt",
    equivalent:
      "Whoever asks has a slot, unless the pool has closed: only the close takes a waiting run out of the queue " +
      "while its fiber is still to go on, and the other condition sees that."
  },
  {
    name: "run that was granted a slot starts on a closed pool",
    find: "return this.state === \"holding\" && !this.pool.gate.closed ? this.effect : Effect.interrupt",
    replace: "return this.state === \"holding\" ? this.effect : Effect.interrupt",
    tests: ["close"]
  },
  {
    name: "run waits for a grant that has come before it listens",
    find: "      if (this.state === \"waiting\") this.resume = resume\n      else resume(this.following)",
    replace: "      this.resume = resume",
    tests: ["gaps"]
  },
  {
    name: "run does not yield, however deep",
    find: "return this.mustYield ? Effect.yieldNow : undefined",
    replace: "return undefined",
    tests: ["gaps"]
  },
  {
    name: "an ended run keeps its fiber",
    find: "this.fiber = this.outer = this.resume = undefined",
    replace: "this.resume = undefined",
    tests: ["gaps", "longlife"]
  },
  {
    name: "an ended run keeps its effect",
    find: "    this.effect = Effect.interrupt\n",
    replace: "",
    tests: ["gaps", "longlife"]
  },
  {
    name: "run is not woken by a grant",
    find: "  onGrant(): void {\n    this.pool.tasks.enqueue(this)",
    replace: "  onGrant(): void {"
  },
  {
    name: "run is not woken by the close",
    find: "  onRefuse(): void {\n    this.pool.tasks.enqueue(this)",
    replace: "  onRefuse(): void {",
    tests: ["close"]
  },
  {
    name: "run is not interrupted by the close",
    find: "    this.fiber?.interruptUnsafe(fiberId)",
    replace: "",
    tests: ["close"]
  },
  {
    name: "run has no job around it",
    find: "new RunJob<A, E | PoolFull, R>(pool, pool.jobAround(fiber), effect, options)",
    replace: "new RunJob<A, E | PoolFull, R>(pool, undefined, effect, options)",
    tests: ["reentrancy"]
  }
])

const spawn = faultsOf("internal/spawn.ts", ["interruption", "slots", "context", "close", "reentrancy"], [
  {
    name: "an ended job of a pile keeps its result",
    find: "    this.listener = undefined\n",
    replace: "",
    tests: ["gaps"]
  },
  {
    name: "spawn takes a free slot of a closed pool",
    find: "if (!job.isRefused && job.slots",
    replace: "if (job.slots",
    tests: ["close"]
  },
  {
    name: "spawn joins the queue of a closed pool",
    find: "if (this.isRefused) return resume(this.pool.gate.refuse)",
    replace: "",
    tests: ["close"]
  },
  {
    name: "spawn starts at once",
    find: "    const fiber = this.launch()\n    this.pool.tasks.enqueue(this)",
    replace: "    const fiber = this.launch()\n    this.onTurn()",
    tests: ["slots"]
  },
  {
    name: "spawn forgets the turn of the job",
    find: "    const fiber = this.launch()\n    this.pool.tasks.enqueue(this)",
    replace: "    const fiber = this.launch()",
    tests: ["slots"]
  },
  {
    name: "a job on a free slot has no place in its pile",
    find: "    this.listener?.onEnter()\n    const fiber",
    replace: "    const fiber",
    tests: ["pile"]
  },
  {
    name: "a job that waits has no place in its pile",
    find: "    this.listener?.onEnter()\n    if (this.state === \"holding\")",
    replace: "    if (this.state === \"holding\")",
    tests: ["pile"]
  },
  {
    name: "a waiting job is launched outside of its spawner",
    find: "    resume?.(Effect.callback((resume) => {\n" +
      "      if (this.state === \"holding\") this.deliver(resume)\n" +
      "      else resume(this.terms?.refusal === undefined ? Effect.interrupt : " +
      "Effect.fail(this.terms.refusal))\n" +
      "    }))\n",
    replace: "    if (resume !== undefined) {\n      if (this.state === \"holding\") this.deliver(resume)\n" +
      "      else resume(this.terms?.refusal === undefined ? Effect.interrupt : " +
      "Effect.fail(this.terms.refusal))\n" +
      "    }\n",
    tests: ["context"]
  },
  {
    name: "spawn goes on without looking whether it has a slot",
    find: "      if (this.state === \"holding\") this.deliver(resume)\n" +
      "      else resume(this.terms?.refusal === undefined ? Effect.interrupt : " +
      "Effect.fail(this.terms.refusal))\n",
    replace: "      this.deliver(resume)\n",
    tests: ["close", "interruption"]
  },
  {
    name: "a spawned job does not give its slot back",
    find: "      this.slots.end(this, exit)\n",
    replace: ""
  },
  {
    name: "a spawned job gives its slot back when it is interrupted, before the finalizers",
    find: "if (this.fiber !== undefined) return this.fiber.interruptUnsafe(fiberId)",
    replace: "if (this.fiber !== undefined) {\n      const { fiber } = this\n" +
      "      this.slots.end(this, Exit.interrupt(fiberId))\n      return fiber.interruptUnsafe(fiberId)\n    }",
    tests: ["close"]
  },
  {
    name: "the end of a job is not told to its pile or its report",
    find: "      this.listener?.onExit(exit, this.context)\n",
    replace: "",
    tests: ["pile", "reports"]
  },
  {
    name: "an ended job keeps what it had",
    find: "      this.listener?.onExit(exit, this.context)\n      this.release()",
    replace: "      this.listener?.onExit(exit, this.context)",
    tests: ["longlife", "imap-memory"]
  },
  {
    name: "a job whose fiber starts after its turn never begins",
    find: "        if (this.begun && this.fiber !== undefined) this.begin()\n",
    replace: "",
    tests: ["first-step"]
  },
  {
    name: "a job begins before its fiber is known",
    find: "if (this.begun && this.fiber !== undefined) this.begin()",
    replace: "if (this.begun) this.begin()",
    tests: ["first-step"]
  },
  {
    name: "a job whose turn was before its fiber never begins",
    find: "    })\n    if (this.begun) this.begin()\n",
    replace: "    })\n",
    tests: ["first-step"]
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
    name: "spawn on a borrowed slot returns at once",
    find: "if (this.onLoan) this.whenEnded(fiber, () => resume(Effect.succeed(fiber)))\n    else resume",
    replace: "resume",
    tests: ["reentrancy"]
  },
  {
    name: "spawn always waits for the end of the job",
    find: "if (this.onLoan) this.whenEnded",
    replace: "if (fiber !== undefined) this.whenEnded"
  },
  {
    name: "a job on a borrowed slot has no turn",
    find: "      this.deliver(resume)\n      this.pool.tasks.enqueue(this)",
    replace: "      this.deliver(resume)",
    tests: ["reentrancy"]
  },
  {
    name: "an interrupted spawn stays in the queue",
    find: "    if (this.state === \"waiting\") {\n      this.slots.cancel(this)\n      this.drop()\n    } else if",
    replace: "    if"
  },
  {
    name: "an interrupted spawn keeps the place in its pile",
    find: "      this.slots.cancel(this)\n      this.listener?.onDrop()\n",
    replace: "      this.slots.cancel(this)\n",
    tests: ["pile", "pile-interruption"]
  },
  {
    name: "a spawn that is interrupted between grant and launch keeps the slot",
    find:
      "    } else if (this.state === \"holding\" && fiber === undefined) {\n      this.interrupt(fiberId)\n    } else if",
    replace: "    } else if"
  },
  {
    name: "an interrupted spawn leaves its job on the borrowed slot",
    find: "      this.atOnce(() => fiber.interruptUnsafe(fiberId))\n",
    replace: "",
    tests: ["reentrancy"]
  },
  {
    name: "an interrupted spawn does not wait for its job on the borrowed slot",
    find: "      return Effect.callback<void>((resume) => this.whenEnded(fiber, () => resume(Effect.void)))\n",
    replace: "",
    tests: ["reentrancy"]
  },
  {
    name: "an interrupted spawn interrupts the job that it has launched",
    find: "fiber !== undefined && this.onLoan) {",
    replace: "fiber !== undefined) {",
    equivalent:
      "It matters only when a fiber yields between the launch of the job and the return of spawn, and is interrupted there: whether that job goes on is left open, and both keep its slot until its end."
  },
  {
    name: "the refused are not woken",
    find: "    this.listener?.onDrop()\n    this.pool.enqueue(this)",
    replace: "    this.listener?.onDrop()",
    tests: ["close"]
  },
  {
    name: "the refused keep what they had",
    find: "    this.listener?.onDrop()\n    this.pool.tasks.enqueue(this)",
    replace: "    this.pool.tasks.enqueue(this)",
    tests: ["gaps"]
  },
  {
    name: "withdraw does not look whether the job waits",
    find: "if (this.state !== \"waiting\") return",
    replace: "",
    tests: ["pile"]
  },
  {
    name: "a job with a slot and without a fiber is not interrupted",
    find: "    this.slots.end(this, Exit.interrupt(fiberId))\n    this.listener?.onDrop()",
    replace: "",
    tests: ["close"]
  },
  {
    name: "a job that never started keeps what it had",
    find: "    this.slots.end(this, Exit.interrupt(fiberId))\n    this.listener?.onDrop()",
    replace: "    this.slots.end(this, Exit.interrupt(fiberId))",
    tests: ["pile-interruption", "pile"]
  },
  {
    name: "a spawned job does not yield, however deep",
    find: "this.start?.(this.mustYield ? Effect.ensuring(this.effect, Effect.yieldNow) : this.effect)",
    replace: "this.start?.(this.effect)",
    tests: ["reentrancy"]
  },
  {
    name: "a spawner goes on at once, however deep",
    find: "    if (this.mustYield) this.pool.schedule(task)\n    else task()",
    replace: "    task()",
    tests: ["reentrancy"]
  },
  {
    name: "an interruption is reported",
    find: "if (exit._tag === \"Success\" || Cause.hasInterruptsOnly(exit.cause)) return",
    replace: "if (exit._tag === \"Success\") return",
    tests: ["reports"]
  },
  {
    name: "a failure with an interruption beside it is not reported",
    find: "if (exit._tag === \"Success\" || Cause.hasInterruptsOnly(exit.cause)) return",
    replace: "if (exit._tag === \"Success\" || Cause.hasInterrupts(exit.cause)) return",
    tests: ["reports", "gaps"]
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
  ["imap", "imap-failure", "imap-unordered", "imap-nested", "imap-interruption"],
  [
    {
      name: "a map starts on a closed pool",
      find: "          if (pool.refuses(pool.jobAround(fiber))) return " +
        "Effect.interrupt\n",
      replace: "",
      tests: ["close"]
    },
    {
      name: "a map goes on when its pool has closed",
      find: "if (this.pool.gate.closed) return Effect.interrupt\n",
      replace: "",
      tests: ["close"]
    },
    {
      name: "a map that is left early is not closed",
      find: "Scope.addFinalizer(scope, window.close)",
      replace: "Effect.void",
      tests: ["imap-failure"]
    },
    {
      name: "the window has no bound",
      find: "this.inHand < Math.max(1, this.pool.slots.semaphore.permits)",
      replace: "this.inHand < 100_000"
    },
    {
      name: "the window is one too large",
      find: "this.inHand < Math.max(1,",
      replace: "this.inHand <= Math.max(1,"
    },
    {
      name: "the window of a paused pool is empty",
      find: "Math.max(1, this.pool.slots.semaphore.permits)",
      replace: "this.pool.slots.semaphore.permits"
    },
    {
      name: "a map has several places in the queue",
      find: "this.ended === undefined && this.waiting === undefined &&",
      replace: "this.ended === undefined &&"
    },
    {
      name: "a map takes items after the end of its source",
      find: "this.ended === undefined && this.waiting === undefined &&",
      replace: "this.waiting === undefined &&"
    },
    {
      name: "a map fetches twice at once",
      find: "      this.fetching === undefined && this.inHand",
      replace: "      this.inHand"
    },
    {
      name: "a map takes items before it is read",
      find: "return this.state === \"reading\" && !this",
      replace: "return this.state !== \"stopped\" && !this"
    },
    {
      name: "a map takes items after it was stopped",
      find: "return this.state === \"reading\" && !this",
      replace: "return this.state !== \"unread\" && !this"
    },
    {
      name: "a map does not take on what it has room for when it emits",
      find: "    if (isNonEmpty(chunk)) {\n      this.fill()",
      replace: "    if (isNonEmpty(chunk)) {"
    },
    {
      name: "a map ends before the items in hand",
      find: "(this.inFlight === 0 ? this.ended : undefined)",
      replace: "this.ended"
    },
    {
      name: "a map ends before it has closed its sources",
      find: "return Effect.andThen(this.close, over._tag",
      replace: "return Effect.andThen(Effect.void, over._tag"
    },
    {
      name: "a reader waits for what is ready",
      find: "      if (this.isReady) resume(this.pull)\n      else this.consumer = resume",
      replace: "      this.consumer = resume"
    },
    {
      name: "the close of a map can be interrupted",
      find: "Effect.uninterruptible(Effect.withFiber((fiber) => {\n    this.stop()",
      replace: "Effect.interruptible(Effect.withFiber((fiber) => {\n    this.stop()",
      tests: ["imap-interruption", "imap-failure"]
    },
    {
      name: "a map that is closed goes on taking",
      find: "    this.stop()\n    this.worker",
      replace: "    this.worker"
    },
    {
      name: "a map that is closed keeps its worker",
      find: "    this.worker.interruptUnsafe(fiber.id)\n",
      replace: "",
      tests: ["gaps"]
    },
    {
      name: "a map that is closed leaves its jobs",
      find: "this.pool.interruptAll(this.jobs.toArray())",
      replace: "Effect.void",
      tests: ["imap-failure"]
    },
    {
      name: "a map that is closed leaves what it fetches",
      find: "fetching === undefined ? Effect.void : interruptOther(fetching, fiber)",
      replace: "Effect.void",
      tests: ["gaps"]
    },
    {
      name: "a map that its own source closes waits for that source",
      find: "fiber === self ?",
      replace: "false ?",
      tests: ["imap-scope"]
    },
    {
      name: "a map that its own source closes does not interrupt it",
      find: "Effect.sync(() => fiber.interruptUnsafe(self.id))",
      replace: "Effect.void",
      tests: ["imap-scope"]
    },
    {
      name: "an interruption leaves a map behind that was just made",
      find: "        Effect.uninterruptible(Effect.withFiber((fiber) => {",
      replace: "        Effect.interruptible(Effect.withFiber((fiber) => {",
      tests: ["imap-interruption"]
    },
    {
      name: "a map that is closed leaves its reader waiting",
      find: "    this.inFlight = 0\n    this.wakeReader()\n",
      replace: "    this.inFlight = 0\n",
      tests: ["imap-scope"]
    },
    {
      name: "a map that is closed ends as its source did",
      find: "    this.over ??= Exit.interrupt()\n",
      replace: "    this.over ??= this.ended ?? Exit.interrupt()\n",
      tests: ["imap-scope"]
    },
    {
      name: "a map that closes while its reader begins to wait does not wake it",
      find: "this.pool.gate.closed || this.over !== undefined || this.isDrained",
      replace: "this.pool.gate.closed || this.isDrained",
      tests: ["imap-scope"]
    },
    {
      name: "who reads on after a map is closed waits",
      find: "    this.over ??= Exit.interrupt()\n",
      replace: "",
      tests: ["imap-scope"]
    },
    {
      name: "a map does not close its sources",
      find: "Effect.andThen(Scope.close(this.scope, Exit.void))",
      replace: "Effect.andThen(Effect.void)",
      tests: ["imap-failure"]
    },
    {
      name: "a pool keeps its closed maps",
      find: "        this.pool.forget(this)\n",
      replace: "",
      tests: ["imap-memory"]
    },
    {
      name: "a pool forgets a closed map whose job goes on",
      find: "this.pool.forget(this)",
      replace: "this.pool.groups.delete(this)",
      tests: ["imap-scope"]
    },
    {
      name: "a pool does not know its maps",
      find: "    pool.groups.add(this)\n",
      replace: ""
    },
    {
      name: "a window is roused once too often",
      find: "    this.isFillDue = true\n",
      replace: "",
      tests: ["gaps"]
    },
    {
      name: "a window is roused once only",
      find: "    this.isFillDue = false\n",
      replace: ""
    },
    {
      name: "a window is roused while nobody listens",
      find: "    if (this.isFillDue) this.pool.tasks.schedule(this.wakeWorker)\n",
      replace: "",
      tests: ["gaps"]
    },
    {
      name: "a resize does not rouse the window",
      find: "    this.scheduleFill()\n    if (this.isReady) this.wakeReader()",
      replace: "    if (this.isReady) this.wakeReader()"
    },
    {
      name: "the reader of a map does not hear of the close",
      find: "    this.stop()\n    this.wakeReader()",
      replace: "    this.stop()",
      tests: ["close"]
    },
    {
      name: "a map is not stopped by the close of its pool",
      find: "    this.stop()\n    this.wakeReader()",
      replace: "    this.wakeReader()",
      tests: ["close", "gaps"]
    },
    {
      name: "an item that has waited does not start",
      find: "if (this.waiting?.state === \"holding\") this.launch(this.waiting)",
      replace: ""
    },
    {
      name: "a defect of an iterator is a mere end",
      find: "this.ended ??= Exit.void",
      replace: "this.ended = Exit.void",
      tests: ["imap-failure"]
    },
    {
      name: "an item is not counted as in hand",
      find: "    this.inFlight++\n",
      replace: ""
    },
    {
      name: "an item that was emitted stays in hand",
      find: "      this.inFlight--\n",
      replace: ""
    },
    {
      name: "results of an ordered map come as they finish",
      find: "    if (!this.mode.ordered) this.append(job)\n",
      replace: "    this.append(job)\n"
    },
    {
      name: "results of an unordered map come in order",
      find: "        if (this.mode.ordered) this.append(job)\n",
      replace: "        this.append(job)\n"
    },
    {
      name: "the reader does not hear of the end of the source",
      find: "    if (this.isReady) this.wakeReader()\n  }\n\n  private get canTake",
      replace: "  }\n\n  private get canTake"
    },
    {
      name: "an iterator that throws breaks the map",
      find: "      this.ended = Exit.die(defect)\n",
      replace: "      throw defect\n",
      tests: ["imap-failure"]
    },
    {
      name: "a failing source is taken for an empty one",
      find: "if (exit._tag === \"Failure\") this.ended = exit",
      replace: "if (exit._tag === \"Failure\") this.ended = Exit.void",
      tests: ["imap-failure"]
    },
    {
      name: "the failure of a source is not noticed",
      find: "if (exit._tag === \"Failure\") this.ended = exit",
      replace: "",
      tests: ["imap-failure"]
    },
    {
      name: "a map fetches for ever",
      find: "      this.fetching = undefined\n",
      replace: ""
    },
    {
      name: "what was fetched is ignored",
      find: "      this.fetched(exit)\n      this.scheduleFill()",
      replace: "      this.fetched(exit)"
    },
    {
      name: "a failure that was waited for is ignored",
      find: "      this.fetched(exit)\n      this.scheduleFill()",
      replace: "      this.scheduleFill()",
      tests: ["imap-failure"]
    },
    {
      name: "what is over already gets a fiber",
      find: "if (Exit.isExit(effect)) return this.settle(job, effect)",
      replace: "",
      tests: ["gaps"]
    },
    {
      name: "the jobs of a map are not marked",
      find: "this.pool.contextOf(job, this.context) as",
      replace: "this.context as",
      tests: ["imap-nested"]
    },
    {
      name: "the jobs of a map do not have the reader's context",
      find: "this.context = consumer.context",
      replace: "this.context = Context.empty()",
      tests: ["context"]
    },
    {
      name: "the jobs of a map have no job around them",
      find: "this.enclosing = pool.jobAround(consumer)",
      replace: "this.enclosing = undefined",
      tests: ["imap-nested"]
    },
    {
      name: "a map keeps the ended jobs around it",
      find: "new MapJob(this, this.enclosing = running(this.enclosing), item)",
      replace: "new MapJob(this, this.enclosing, item)",
      tests: ["imap-nested"],
      equivalent: "An ended job is looked through wherever it is used, and has let go of all it had."
    },
    {
      name: "a job of a map does not yield, however deep",
      find: "job.mustYield ? Effect.andThen(Effect.yieldNow, effect) : effect",
      replace: "effect",
      tests: ["imap-nested"]
    },
    {
      name: "a job that is interrupted in its first step goes on",
      find: "    if (this.interruptor !== undefined) fiber.interruptUnsafe(this.interruptor)\n",
      replace: "",
      tests: ["gaps"]
    },
    {
      name: "a job of a map is not known to have started",
      find: "    job.started(fiber)\n",
      replace: "",
      tests: ["close", "imap-failure"]
    },
    {
      name: "the window is filled inside its own filling",
      find: "    if (this.filling) return\n",
      replace: "",
      tests: ["imap-reader"]
    },
    {
      name: "a map whose reader left in a step of the source goes on",
      find: "      if (this.state !== \"reading\") break\n",
      replace: "",
      tests: ["imap-reader"]
    },
    {
      name: "a source's first step is not known to the close",
      find: "        this.fetching = self\n",
      replace: "",
      tests: ["imap-reader"]
    },
    {
      name: "an item does not give its slot back",
      find: "    this.pool.slots.end(job, exit)\n    job.release()",
      replace: "    job.release()"
    },
    {
      name: "an ended job of a map keeps its item",
      find: "    this.pool.slots.end(job, exit)\n    job.release()",
      replace: "    this.pool.slots.end(job, exit)",
      tests: ["gaps"]
    },
    {
      name: "a failure does not stop the taking",
      find: "if (exit._tag === \"Failure\" && !this.mode.exits) this.stop()",
      replace: "",
      tests: ["imap-failure"]
    },
    {
      name: "a failure stops the taking of imapExit",
      find: "if (exit._tag === \"Failure\" && !this.mode.exits) this.stop()",
      replace: "if (exit._tag === \"Failure\") this.stop()",
      tests: ["imap-exit"]
    },
    {
      name: "the reader does not hear of a result",
      find: "    if (this.isReady) this.wakeConsumer()\n  }\n\n  private append",
      replace: "  }\n\n  private append"
    },
    {
      name: "a function that throws breaks the map",
      find: "      return Effect.die(defect)\n",
      replace: "      throw defect\n",
      tests: ["imap-failure"]
    },
    {
      name: "results after a failure are taken",
      find: "      else break\n",
      replace: "",
      tests: ["imap-failure"]
    },
    {
      name: "one result is emitted at a time",
      find: "    for (let job = this.first; job?.exit !== undefined; job = this.first) {",
      replace: "    for (let job = this.first; job?.exit !== undefined && chunk.length === 0; job = this.first) {"
    },
    {
      name: "the last emitted stays the last",
      find: "    if (this.first === undefined) this.last = undefined\n",
      replace: ""
    },
    {
      name: "an emitted result is kept",
      find: "      this.inFlight--\n      job.exit = job.after = undefined\n",
      replace: "      this.inFlight--\n",
      tests: ["gaps"]
    },
    {
      name: "a pull is ready too late",
      find: "this.isDrained || this.first?.exit !== undefined ||",
      replace: "this.isDrained ||"
    },
    {
      name: "the reader is woken inside the step of a job",
      find: "this.pool.schedule(() => consumer(this.pull))",
      replace: "consumer(this.pull)",
      tests: ["imap", "imap-nested"]
    },
    {
      name: "a stopped map keeps its place in the queue",
      find: "    if (waiting?.state === \"waiting\") this.pool.slots.cancel(waiting)\n    else if",
      replace: "    if",
      tests: ["imap-failure"]
    },
    {
      name: "a stopped map keeps the slot that was granted to its item",
      find: "    else if (waiting?.state === \"holding\") this.pool.slots.end(waiting, Exit.interrupt())\n",
      replace: "",
      tests: ["imap-interruption", "imap-failure"]
    },
    {
      name: "an item is not told of its slot",
      find: "    this.window?.scheduleFill()\n",
      replace: ""
    }
  ]
)

const source = faultsOf("internal/source.ts", ["source", "imap-failure"], [
  {
    name: "an iterator that is closed is asked for more",
    find: "        if (closed) return End\n",
    replace: "",
    tests: ["imap-reader"]
  },
  {
    name: "an iterator is not closed",
    find: "if (!ended) iterator.return?.()",
    replace: "",
    tests: ["imap-failure"]
  },
  {
    name: "an iterator that was left from inside its own step is not closed",
    find: "        if (closed) iterator.return?.()\n",
    replace: "",
    tests: ["imap-reader"]
  },
  {
    name: "an iterator is closed after its end",
    find: "if (!ended) iterator.return?.()",
    replace: "iterator.return?.()",
    tests: ["imap-failure"]
  },
  {
    name: "an iterator that has thrown is closed",
    find:
      "        ended = true\n        const result = iterator.next()\n        if (result.done === true) return End\n        ended = false\n",
    replace:
      "        const result = iterator.next()\n        ended = result.done === true\n        if (ended) return End\n",
    tests: ["imap-failure", "gaps"]
  },
  {
    name: "an async iterator is closed after its end",
    find: "      if (ended) return Effect.void\n",
    replace: ""
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
    name: "a pending async iterator is not told to close",
    find: "      end().catch(() => {})\n",
    replace: "",
    tests: ["imap-failure"]
  },
  {
    name: "a pending async iterator that fails to close is an unhandled rejection",
    find: "      end().catch(() => {})\n",
    replace: "          void end()\n",
    tests: ["imap-failure"]
  },
  {
    name: "an async iterator is for ever pending",
    find: "        fetching = false\n",
    replace: "",
    tests: ["imap-failure"]
  },
  {
    name: "an async iterator that rejected is closed",
    find: "        ended = true\n        throw cause",
    replace: "        throw cause",
    tests: ["imap-failure"]
  },
  {
    name: "an item of an async iterator is taken twice",
    find: "        item = Empty\n",
    replace: ""
  },
  {
    name: "a rejection is no SourceError",
    find: "catch: (cause) => new SourceError({ cause })",
    replace: "catch: (cause) => cause"
  },
  {
    name: "the end of an async iterator is not noticed",
    find: "return taken === Empty && ended ? End : taken",
    replace: "return taken"
  },
  {
    name: "the end of a stream is not noticed",
    find: "chunk[next++] : ended ? End : Empty",
    replace: "chunk[next++] : Empty"
  },
  {
    name: "a chunk is read from where the last one ended",
    find: "          next = 0\n",
    replace: ""
  },
  {
    name: "a row starts again where one has no item at the moment",
    find: "for (const cursor of cursors.slice(row.length)) {",
    replace: "for (const cursor of cursors) {"
  },
  {
    name: "a row goes on into the next",
    find: "      row = []\n      return full",
    replace: "      return full"
  },
  {
    name: "a row does not end with its shortest source",
    find: "if (item === Empty || item === End) return item",
    replace: "if (item === Empty) return item"
  },
  {
    name: "the wrong source of a row is fetched",
    find: "        fetch = cursor.fetch\n",
    replace: "        fetch = cursors[0]?.fetch ?? Effect.void\n"
  },
  {
    name: "a string is no source",
    find: "typeof source === \"string\" || ",
    replace: ""
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
    find: "    return this.pile.closed\n",
    replace: "    return false\n"
  },
  {
    name: "a pile that closes does not say so",
    find: "    this.closed = true\n",
    replace: ""
  },
  {
    name: "a pile that closes leaves those who wait in its spawn",
    find: "    for (const entry of this.entries.toArray()) entry.job.withdraw()\n",
    replace: ""
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
    name: "a pool does not know its piles",
    find: "    pool.groups.add(this)\n",
    replace: "",
    tests: ["close"]
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
    name: "a result of an interrupted reader is lost",
    find: "        if (entry !== undefined) this.entries.pushBefore(entry, (other) => other.number > entry.number)\n",
    replace: "",
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
    name: "an interrupted reader stays among the readers",
    find: "        reader.leave()\n        const { entry }",
    replace: "        const { entry }",
    tests: ["pile-interruption"]
  },
  {
    name: "a result that was given back is not delivered",
    find: "(other) => other.number > entry.number)\n        this.deliver()",
    replace: "(other) => other.number > entry.number)",
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
    name: "a pile delivers once only",
    find: "      this.delivering = false\n",
    replace: ""
  },
  {
    name: "a pile delivers inside the step of a job",
    find: "    this.pool.tasks.schedule(() => {\n      this.delivering = false\n      this.serve()\n    })",
    replace: "    this.delivering = false\n    this.serve()"
  },
  {
    name: "a result is given to all readers",
    find: "        entry.leave()\n        reader.entry",
    replace: "        reader.entry"
  },
  {
    name: "a reader of an empty pile waits",
    find: "if (reader === undefined) return",
    replace: "if (reader === undefined || (entry === undefined && !this.pool.closed)) return"
  },
  {
    name: "a reader gets nothing while jobs are outstanding",
    find: "if (!this.pool.gate.closed && entry !== undefined && entry.exit === undefined) return\n",
    replace: ""
  },
  {
    name: "the readers of a closed pool read on",
    find: "      if (this.pool.gate.closed) {\n",
    replace: "      if (this.delivering) {\n",
    tests: ["close"]
  },
  {
    name: "readers do not hear of the close",
    find: "  lookAgain(): void {\n    this.deliver()",
    replace: "  lookAgain(): void {",
    tests: ["close"]
  },
  {
    name: "readers do not hear of a result",
    find: "    this.exit = exit\n    this.pile.deliver()",
    replace: "    this.exit = exit"
  },
  {
    name: "readers do not hear that a place was dropped",
    find: "    this.leave()\n    this.pile.deliver()",
    replace: "    this.leave()"
  },
  {
    name: "a place that was dropped stays outstanding",
    find: "    this.leave()\n    this.pile.deliver()",
    replace: "    this.pile.deliver()"
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

const verbs = faultsOf("Verbs.ts", ["verbs", "service", "imap-unordered", "imap-exit", "starmap", "source"], [
  {
    name: "imapUnordered is ordered",
    find: "imapUnordered: mapVerb({ ordered: false,",
    replace: "imapUnordered: mapVerb({ ordered: true,"
  },
  {
    name: "imapExit fails",
    find: "imapExit: mapVerb({ ordered: true, exits: true })",
    replace: "imapExit: mapVerb({ ordered: true, exits: false })"
  },
  {
    name: "imapExit is unordered",
    find: "imapExit: mapVerb({ ordered: true, exits: true })",
    replace: "imapExit: mapVerb({ ordered: false, exits: true })",
    tests: ["imap-exit"]
  },
  {
    name: "imapExitUnordered is ordered",
    find: "imapExitUnordered: mapVerb({ ordered: false,",
    replace: "imapExitUnordered: mapVerb({ ordered: true,"
  },
  {
    name: "imapExitUnordered fails",
    find: "imapExitUnordered: mapVerb({ ordered: false, exits: true })",
    replace: "imapExitUnordered: mapVerb({ ordered: false, exits: false })"
  },
  {
    name: "imap is unordered",
    find: "imap: mapVerb({ ordered: true, exits: false })",
    replace: "imap: mapVerb({ ordered: false, exits: false })",
    tests: ["imap"]
  },
  {
    name: "starmap is unordered",
    find: "mapVerb({ ordered: true, exits: false }, spread)",
    replace: "mapVerb({ ordered: false, exits: false }, spread)",
    tests: ["starmap"]
  },
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
    name: "an object without a prototype is no options",
    find: "prototype === Object.prototype || prototype === null",
    replace: "prototype === Object.prototype"
  },
  {
    name: "a plain object that can be iterated is options",
    find: "isPlainObject(last) && !isSource(last)",
    replace: "isPlainObject(last)"
  },
  {
    name: "undefined after the sources is a source",
    find: "last === undefined && args.length > 1",
    replace: "false"
  },
  {
    name: "undefined alone is no source",
    find: "last === undefined && args.length > 1",
    replace: "last === undefined"
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
    replace: "() => Effect.void)"
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
  },
  {
    name: "the configuration of a service key may give it bounds",
    find: "isBounded(own) ? make : makeUnbounded",
    replace: "make"
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
      name: "size 0 is refused",
      find: "Schema.isGreaterThanOrEqualTo(0)",
      replace: "Schema.isGreaterThanOrEqualTo(1)"
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
  ...run,
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
