/**
 * Fibers for the model: generators that block, can be interrupted, and wait for their children, as Effect's do.
 *
 * What can happen next is a list of events; which of them happens is up to `choose`. The first of them each time is
 * the natural order, any other one is an order that another schedule of the runtime could have led to.
 */

/** What a fiber or a frame of it ends with when it does not succeed. */
export class Raise {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

export const Interrupted = new Raise("interrupted")

type Register = (resume: (value: unknown) => void) => void

/** A computation of the model. What it yields is what it waits for. */
export type Steps<A> = Generator<Register, A, unknown>

export class Runtime {
  readonly choose: (count: number) => number
  readonly #due: Array<() => void> = []

  constructor(choose: (count: number) => number) {
    this.choose = choose
  }

  soon(event: () => void): void {
    this.#due.push(event)
  }

  /** Lets happen all that is due. */
  settle(): void {
    while (this.#due.length > 0) {
      const which = this.#due.length === 1 ? 0 : this.choose(this.#due.length)
      this.#due.splice(which, 1)[0]!()
    }
  }
}

export class Fiber {
  readonly runtime: Runtime
  readonly children = new Set<Fiber>()
  interruptible = true
  interrupted = false
  exit: string | undefined = undefined
  readonly #steps: Steps<string>
  readonly #observers: Array<(exit: string) => void> = []
  #undelivered = false
  #blocked: object | undefined = undefined
  #leaving: string | undefined = undefined

  constructor(runtime: Runtime, steps: (self: Fiber) => Steps<string>) {
    this.runtime = runtime
    this.#steps = steps(this)
  }

  /** Begins in this step. */
  begin(): this {
    this.#advance(() => this.#steps.next())
    return this
  }

  /** Begins in a step of its own. */
  beginSoon(): this {
    this.#wake(() => this.#steps.next())
    return this
  }

  observe(observer: (exit: string) => void): void {
    if (this.exit !== undefined) observer(this.exit)
    else this.#observers.push(observer)
  }

  interrupt(): void {
    if (this.exit !== undefined) return
    this.interrupted = true
    this.#undelivered = true
    if (this.interruptible && this.#blocked !== undefined) this.#deliver()
  }

  /** Raises an interruption that came while the fiber was uninterruptible. */
  check(): void {
    if (!this.isUnwinding) return
    this.#undelivered = false
    throw Interrupted
  }

  /** Whether nothing that the fiber does can keep it from its end, except for what is uninterruptible. */
  get isUnwinding(): boolean {
    return this.interrupted && this.interruptible
  }

  #deliver(): void {
    this.#undelivered = false
    if (this.#leaving !== undefined) return this.#leave(Interrupted.text)
    this.#wake(() => this.#steps.throw(Interrupted))
  }

  /** Goes on in a step of its own, unless something else comes first. */
  #wake(step: () => IteratorResult<Register, string>): void {
    const ticket = this.#blocked = {}
    this.runtime.soon(() => {
      if (this.#blocked === ticket) this.#advance(step)
    })
  }

  #advance(step: () => IteratorResult<Register, string>): void {
    this.#blocked = undefined
    let result
    try {
      result = step()
    } catch (raised) {
      if (!(raised instanceof Raise)) throw raised
      return this.#leave(raised.text)
    }
    if (result.done === true) return this.#leave(result.value)
    const ticket = this.#blocked = {}
    result.value((value) => {
      if (this.#blocked === ticket) this.#wake(() => this.#steps.next(value))
    })
    if (this.#undelivered && this.interruptible) this.#deliver()
  }

  /**
   * The fiber has nothing more to do, and waits for its children. One that was interrupted before ends as interrupted
   * if it really has to wait.
   */
  #leave(text: string): void {
    this.#leaving = text
    const ticket = this.#blocked = {}
    const children = [...this.children].filter((child) => child.exit === undefined)
    if (children.length === 0) return this.#end(text)
    let left = children.length
    for (const child of children) {
      child.observe(() => {
        if (--left > 0) return
        this.runtime.soon(() => {
          if (this.#blocked === ticket) {
            this.#leave(this.interrupted && this.runtime.choose(2) === 0 ? Interrupted.text : text)
          }
        })
      })
    }
    for (const child of children) this.runtime.soon(() => child.interrupt())
  }

  #end(text: string): void {
    this.exit = text
    this.#blocked = undefined
    for (const observer of this.#observers) observer(text)
  }
}

/** Waits until `resume` is called. */
export function* block<A>(register: (resume: (value: A) => void) => void): Steps<A> {
  return (yield register as Register) as A
}

/** A point at which the runtime may yield, so that others go first. */
export function* mayYield(runtime: Runtime): Steps<void> {
  if (runtime.choose(2) === 1) yield* block<void>((wake) => wake())
}

/** Runs the steps out of the reach of interruption, which is made up for afterwards. */
export function* uninterruptible<A>(self: Fiber, steps: Steps<A>): Steps<A> {
  if (!self.interruptible) return yield* steps
  let result: A
  self.interruptible = false
  try {
    result = yield* steps
  } finally {
    self.interruptible = true
  }
  self.check()
  return result
}

/** Runs the steps to their end, whatever it is. */
export function* exitOf(steps: Steps<string>): Steps<string> {
  try {
    return yield* steps
  } catch (raised) {
    if (raised instanceof Raise) return raised.text
    throw raised
  }
}

/** The end that `exitOf` gave, once more. */
export const resume = (exit: string): string => {
  if (exit.startsWith("succeed")) return exit
  throw new Raise(exit)
}

/** Runs the steps and then, out of the reach of interruption, the finalizer. */
export function* onExit(self: Fiber, steps: Steps<string>, finalizer: Steps<unknown>): Steps<string> {
  const exit = yield* exitOf(steps)
  const { interruptible } = self
  self.interruptible = false
  yield* mayYield(self.runtime)
  yield* finalizer
  self.interruptible = interruptible
  if (exit.startsWith("succeed")) self.check()
  return resume(exit)
}
