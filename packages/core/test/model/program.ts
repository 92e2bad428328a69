/**
 * Random programs: what actors are told to do to pools, in a form that both the model and the library can carry out.
 *
 * An actor is a piece of an Effect that waits for orders: the body of a job, a fiber that a job forked, or a caller
 * from outside. A command is a few small numbers, so that it shrinks well; which actor and which pool they mean is
 * settled only when its turn comes (`Cast.order`), by what is there then.
 */
import * as fc from "fast-check"
import type { Board } from "./board.ts"

/** What an actor is made of. */
export interface Body {
  readonly id: string
  /** Waits for orders, or ends by itself. `throw` is for items of maps: `f` throws. */
  readonly kind: "gate" | "succeed" | "fail" | "die" | "interrupt" | "throw"
  /** Its finalizer waits for orders too. */
  readonly stubborn: boolean
}

export type MapVerb = "imap" | "imapUnordered" | "imapExit"

/** What a map reads: an iterator that is there at once, or a stream or async iterable that commands feed. */
export interface SourceSpec {
  readonly kind: "iterator" | "stream" | "async"
  readonly bodies: ReadonlyArray<Body>
  /** The iterator throws instead of ending. */
  readonly throws: boolean
  /** The length of a second iterator that is zipped with the first. */
  readonly second: number | undefined
}

/** What a pool does beside giving slots. Times are in milliseconds. */
export interface Rules {
  readonly maxWaiting: number
  readonly maxWait: number
  /** How long its close lets jobs finish. */
  readonly drain: number
  /** Of an adaptive pool: decides what the end of each job says, and does. */
  readonly verdicts?: number
}

/** What a caller asks for, beside a slot. */
export interface Ask {
  readonly key?: string
  readonly priority?: number
  readonly maxWait?: number
}

export type Order =
  | { readonly op: "end"; readonly how: "succeed" | "fail" | "die" | "interrupt" }
  | {
    readonly op: "run" | "runStream" | "runIfAvailable"
    readonly pool: number
    readonly body: Body
    readonly ask?: Ask
  }
  | {
    readonly op: "spawn" | "spawnN" | "spawnIfAvailable"
    readonly pool: number
    readonly body: Body
    readonly ask?: Ask
  }
  /** Takes a slot, and keeps it while the body runs: within the slot or beside it. */
  | {
    readonly op: "takeScoped"
    readonly pool: number
    readonly body: Body
    readonly within: boolean
    readonly ask?: Ask
  }
  | { readonly op: "fork" | "detach"; readonly body: Body }
  | { readonly op: "join"; readonly fiber: string }
  | { readonly op: "waitall"; readonly pool: number }
  | { readonly op: "resize"; readonly pool: number; readonly size: number }
  | { readonly op: "allow"; readonly pool: number; readonly slots: number }
  | { readonly op: "close" | "evict"; readonly pool: number }
  | { readonly op: "pile"; readonly pool: number | undefined; readonly size: number; readonly body: Body }
  | { readonly op: "pileSpawn"; readonly pile: string; readonly body: Body; readonly ask?: Ask }
  | { readonly op: "next" | "results" | "exits"; readonly pile: string }
  | {
    readonly op: "map"
    readonly pool: number
    readonly verb: MapVerb
    readonly source: SourceSpec
    readonly body: Body
  }
  | { readonly op: "pull" }

/** What happens to the sources of maps. */
export type Feed = { readonly op: "items"; readonly count: number } | { readonly op: "end" } | { readonly op: "fail" }

/** One step of a program, with everything settled. */
export type Step =
  | { readonly to: string; readonly isNew: boolean; readonly order: Order }
  | { readonly interrupt: string }
  | { readonly feed: string; readonly with: Feed }
  | { readonly tick: number }

/** One step of a program, as it is generated. */
export interface Command {
  readonly verb: Verb
  readonly who: number
  readonly x: number
  readonly y: number
  readonly z: number
}

export interface Program {
  readonly sizes: ReadonlyArray<number>
  /** Of each pool; none where there are no bounds and a close interrupts. */
  readonly rules: ReadonlyArray<Rules>
  /** What callers may ask for, where they may. */
  readonly asks: "nothing" | "keys" | "times"
  /** In the end, those who came first go home first. */
  readonly eldestFirst: boolean
  readonly commands: ReadonlyArray<Command>
}

/** How often each verb comes up: what is rare among everything is at home in a theme of its own. */
const themes = {
  everything: {
    end: 6,
    run: 6,
    spawn: 6,
    spawnN: 2,
    fork: 2,
    detach: 2,
    join: 1,
    interrupt: 5,
    resize: 4,
    map: 4,
    pull: 7,
    feed: 4,
    pile: 2,
    pileSpawn: 5,
    next: 3,
    results: 1,
    exits: 1,
    waitall: 1,
    close: 1,
    runStream: 2,
    takeScoped: 3,
    runIfAvailable: 0,
    spawnIfAvailable: 0,
    allow: 0,
    evict: 0,
    tick: 0
  },
  nesting: {
    end: 16,
    run: 12,
    runStream: 2,
    takeScoped: 3,
    spawn: 12,
    detach: 10,
    fork: 3,
    interrupt: 6,
    resize: 4,
    map: 2,
    pull: 4,
    waitall: 1,
    close: 1
  },
  lending: { end: 10, run: 12, takeScoped: 2, detach: 12, spawn: 4, interrupt: 3, resize: 1 },
  idling: { end: 8, run: 8, spawn: 4, waitall: 8, interrupt: 8, resize: 10, close: 1 },
  maps: { end: 16, pull: 16, map: 8, feed: 8, run: 6, interrupt: 6, resize: 8, detach: 2, close: 1 },
  piles: {
    end: 12,
    pileSpawn: 16,
    next: 8,
    results: 2,
    exits: 2,
    pile: 4,
    interrupt: 8,
    run: 4,
    detach: 2,
    resize: 6,
    close: 1
  },
  elsewhere: {
    end: 12,
    run: 10,
    spawn: 8,
    spawnN: 2,
    detach: 6,
    runIfAvailable: 2,
    spawnIfAvailable: 2,
    interrupt: 4,
    resize: 3,
    allow: 10,
    evict: 3,
    map: 4,
    pull: 7,
    feed: 2,
    pile: 1,
    pileSpawn: 4,
    next: 2,
    waitall: 2,
    close: 1
  },
  admission: {
    end: 14,
    run: 14,
    spawn: 8,
    spawnN: 2,
    detach: 4,
    runIfAvailable: 3,
    spawnIfAvailable: 3,
    runStream: 2,
    takeScoped: 3,
    interrupt: 4,
    resize: 4,
    map: 3,
    pull: 5,
    feed: 1,
    pile: 2,
    pileSpawn: 5,
    next: 3,
    waitall: 1,
    close: 2,
    tick: 0
  }
} satisfies Record<string, Partial<Record<string, number>>>

type Verb = keyof typeof themes.everything

const programOf = (
  sizes: fc.Arbitrary<ReadonlyArray<number>>,
  weights: Partial<Record<Verb, number>>,
  maxLength: number
): fc.Arbitrary<Program> => {
  const verbs = (Object.keys(weights) as Array<Verb>).flatMap((verb) => new Array<Verb>(weights[verb] ?? 0).fill(verb))
  const command = fc.record({
    verb: fc.constantFrom(...verbs),
    who: fc.nat(99),
    x: fc.nat(99),
    y: fc.nat(99),
    z: fc.nat(99)
  })
  return fc.record({ sizes, eldestFirst: fc.boolean(), commands: fc.array(command, { maxLength, size: "max" }) })
    .map((program) => ({ ...program, rules: program.sizes.map(() => noRules), asks: "nothing" }))
}

const noRules: Rules = { maxWaiting: Infinity, maxWait: Infinity, drain: 0 }

/** Programs over pools with bounds, keys and priorities, or times, that drain or not. */
export const admissionPrograms = (maxLength: number): fc.Arbitrary<Program> => {
  const rules = (times: ReadonlyArray<number>): fc.Arbitrary<Rules> =>
    fc.record({
      maxWaiting: fc.constantFrom(Infinity, Infinity, 0, 1, 2),
      maxWait: fc.constantFrom(Infinity, ...times),
      drain: fc.constantFrom(Infinity, 0, ...times)
    })
  const of = (asks: "keys" | "times", times: ReadonlyArray<number>, ticks: number) =>
    fc.record({
      program: programOf(sizesOf([1, 1, 2, 3, 0], 2), { ...themes.admission, tick: ticks }, maxLength),
      rules: fc.tuple(rules(times), rules(times))
    }).map(({ program, rules }): Program => ({ ...program, rules: rules.slice(0, program.sizes.length), asks }))
  // Where the time stands still, all that keys have used is nothing: they take turns.
  return fc.oneof(of("keys", [], 0), of("times", [0, 10, 20, 20], 10))
}

/** Programs over adaptive pools, whose sizes change as their jobs end. */
const adaptivePrograms = (
  sizes: fc.Arbitrary<ReadonlyArray<number>>,
  weights: Partial<Record<Verb, number>>,
  maxLength: number
): fc.Arbitrary<Program> =>
  fc.record({ program: programOf(sizes, weights, maxLength), verdicts: fc.nat() }).map(({ program, verdicts }) => ({
    ...program,
    rules: program.rules.map((rules, pool) => ({ ...rules, verdicts: verdicts + pool }))
  }))

const sizesOf = (sizes: readonly [number, ...ReadonlyArray<number>], maxLength: number) =>
  fc.array(fc.constantFrom(...sizes), { minLength: 1, maxLength })

/** Programs over one or two pools. */
export const programs = (maxLength: number): fc.Arbitrary<Program> =>
  fc.oneof(
    programOf(sizesOf([1, 0, 2, 3], 2), themes.everything, maxLength),
    programOf(sizesOf([1, 1, 2], 2), themes.nesting, maxLength),
    programOf(sizesOf([1, 2, 3], 1), themes.nesting, maxLength),
    programOf(sizesOf([1, 2], 1), themes.lending, maxLength),
    programOf(sizesOf([0, 1], 1), themes.idling, maxLength),
    programOf(sizesOf([1, 2, 3, 4], 1), themes.maps, maxLength),
    programOf(sizesOf([1, 2, 3], 1), themes.piles, maxLength),
    programOf(sizesOf([1, 2, 3], 2), themes.elsewhere, maxLength),
    adaptivePrograms(sizesOf([1, 0, 2, 3], 2), themes.everything, maxLength),
    adaptivePrograms(sizesOf([1, 2, 3], 1), themes.nesting, maxLength),
    adaptivePrograms(sizesOf([1, 2, 3, 4], 1), themes.maps, maxLength)
  )

/** Orders whose body runs in the fiber of the actor. */
const inCaller: ReadonlySet<Order["op"]> = new Set(["run", "runStream", "takeScoped", "map", "pile"])

/** How many commands in a hundred go to a caller from outside who has not been there before. */
const Newcomers = 15

/** Those who are on the stage, and the pools, piles and maps there. Made anew for each run of a program. */
export class Cast {
  readonly #pools: number
  readonly #asks: Program["asks"]
  /** Whether a slot may be kept beside the body: where pools drain, a body could wait for its own slot for ever. */
  readonly #mayKeep: boolean
  readonly #eldestFirst: boolean
  readonly #board: Board
  readonly #piles: Array<string> = []
  /** Piles with a pool of their own. */
  readonly #private = new Set<string>()
  readonly #maps: Array<string> = []
  /** Whether promises are at work: those of async iterables. */
  hasPromises = false
  /** Actors that no interruption reaches, since they are inside a finalizer. */
  readonly #guarded = new Set<string>()
  #ids = 0

  constructor({ asks, eldestFirst, rules, sizes }: Program, board: Board) {
    this.#mayKeep = rules.every(({ drain }) => drain === 0)
    this.#pools = sizes.length
    this.#asks = asks
    this.#eldestFirst = eldestFirst
    this.#board = board
  }

  /** What the command means now, or nothing when there is nobody whom it could mean. */
  step(command: Command, fibers: ReadonlyArray<string>): Step | undefined {
    const { verb, who, x } = command
    if (verb === "interrupt") {
      const fiber = pick(fibers, who)
      return fiber === undefined ? undefined : { interrupt: fiber }
    }
    if (verb === "tick") return { tick: x % 4 * 5 }
    if (verb === "feed") {
      const source = pick(this.#maps.filter((map) => this.#board.status.get(`${map} source`) === "awaited"), who)
      if (source === undefined) return undefined
      const feed: Feed = x % 8 === 6 ? { op: "end" } : x % 8 === 7 ? { op: "fail" } : { op: "items", count: x % 4 + 1 }
      return { feed: source, with: feed }
    }
    const idle = [...this.#board.status.keys()].filter((actor) => this.#board.isIdle(actor)).toReversed()
    if (verb === "end") {
      const actor = pick(idle, who)
      const how = (["succeed", "succeed", "fail", "die", "succeed", "interrupt"] as const)[x % 6]!
      return actor === undefined ? undefined : { to: actor, isNew: false, order: { op: "end", how } }
    }
    if (verb === "pull") {
      const actor = pick(idle.filter((actor) => this.#maps.includes(actor) && !this.#board.exhausted.has(actor)), who)
      return actor === undefined ? undefined : { to: actor, isNew: false, order: { op: "pull" } }
    }
    // Mostly the latest ones, so that some get deep into things.
    const known = who < Newcomers
      ? undefined
      : idle[Math.floor(((who - Newcomers) / (100 - Newcomers)) ** 2 * idle.length)]
    const to = known ?? this.#id()
    const isGuarded = this.#guarded.has(to) || this.#board.status.get(to) === "finalizing"
    const order = this.#order(verb, command, fibers, isGuarded)
    if (order === undefined) return undefined
    if (isGuarded && inCaller.has(order.op) && "body" in order) this.#guarded.add(order.body.id)
    return { to, isNew: to !== known, order }
  }

  /** Sends everybody home: ends who waits for an order, opens paused pools, interrupts who is left, closes the pools. */
  *windUp(stage: { readonly fibers: ReadonlyMap<string, unknown> }): Generator<Step> {
    const interrupted = new Set<string>()
    const allowed = new Set<number>()
    const opened = new Set<number>()
    const closed = new Set<number>()
    const pools = Array.from({ length: this.#pools }, (_, pool) => pool)
    for (;;) {
      const { status } = this.#board
      const idle = [...status.keys()].filter((actor) => this.#board.isIdle(actor)).at(this.#eldestFirst ? 0 : -1)
      if (idle !== undefined) {
        yield { to: idle, isNew: false, order: { op: "end", how: "succeed" } }
        continue
      }
      const source = this.#maps.find((map) => status.get(`${map} source`) === "awaited")
      if (source !== undefined) {
        yield { feed: source, with: { op: "end" } }
        continue
      }
      const starved = pools.find((pool) => !allowed.has(pool))
      if (starved !== undefined) {
        allowed.add(starved)
        yield { to: this.#id(), isNew: true, order: { op: "allow", pool: starved, slots: 4 } }
        continue
      }
      const paused = pools.find((pool) => !opened.has(pool))
      if (paused !== undefined) {
        opened.add(paused)
        yield { to: this.#id(), isNew: true, order: { op: "resize", pool: paused, size: 2 } }
        continue
      }
      const fiber = [...stage.fibers.keys()].find((fiber) => !interrupted.has(fiber))
      if (fiber !== undefined) {
        interrupted.add(fiber)
        yield { interrupt: fiber }
        continue
      }
      const pool = pools.find((pool) => !closed.has(pool))
      if (pool === undefined) return
      closed.add(pool)
      yield { to: this.#id(), isNew: true, order: { op: "close", pool } }
    }
  }

  #order(
    verb: Exclude<Verb, "interrupt" | "feed" | "end" | "pull" | "tick">,
    { x, y, z }: Command,
    fibers: ReadonlyArray<string>,
    isGuarded: boolean
  ): Order | undefined {
    const pool = x % this.#pools
    switch (verb) {
      case "run":
      case "spawn":
      case "spawnN":
      case "runIfAvailable":
      case "spawnIfAvailable":
        return { op: verb, pool, body: this.#body(y, z), ...this.#ask(x, y, z) }
      case "runStream":
        return { op: verb, pool, body: this.#body(y, z), ...this.#ask(x, y, z) }
      case "takeScoped": {
        const within = !this.#mayKeep || y % 2 === 0
        return { op: verb, pool, within, body: this.#body(y, z), ...this.#ask(x, y, z) }
      }
      case "fork":
      case "detach":
        return { op: verb, body: this.#body(0, z) }
      case "join": {
        // A finalizer that waits for its own fiber would do so for ever.
        const fiber = isGuarded ? undefined : pick(fibers, x)
        return fiber === undefined ? undefined : { op: "join", fiber }
      }
      case "waitall":
      case "close":
        return { op: verb, pool }
      case "evict":
        // A finalizer that waits for its own job would do so for ever.
        return isGuarded ? undefined : { op: verb, pool }
      case "allow":
        return { op: verb, pool, slots: y % 4 }
      case "resize":
        return { op: "resize", pool, size: y % 5 }
      case "pile": {
        const body = this.#body(0, z)
        this.#piles.push(body.id)
        const isPrivate = y % 4 === 3
        if (isPrivate) this.#private.add(body.id)
        return { op: "pile", pool: isPrivate ? undefined : pool, size: x % 3 + 1, body }
      }
      case "pileSpawn":
      case "next":
      case "results":
      case "exits": {
        const pile = pick(this.#piles.filter((pile) => this.#isOpen(pile)), x)
        if (pile === undefined) return undefined
        // A finalizer may wait here for its own job; then only the close of the pool helps, which comes too late.
        if (isGuarded && verb !== "pileSpawn" && this.#private.has(pile)) return undefined
        return verb === "pileSpawn"
          ? { op: verb, pile, body: this.#body(y, z), ...this.#ask(x, y, z) }
          : { op: verb, pile }
      }
      case "map": {
        const body = this.#body(0, z)
        this.#maps.push(body.id)
        const mapVerb = (["imap", "imapUnordered", "imapExit"] as const)[y % 3]!
        const source = sourceOf(body.id, x, y, z)
        this.hasPromises ||= source.kind === "async"
        return { op: "map", pool, verb: mapVerb, source, body }
      }
    }
  }

  #ask(x: number, y: number, z: number): { readonly ask?: Ask } {
    if (this.#asks === "nothing") return {}
    const key = ["a", "b", "c", undefined][(x >> 1) % 4]
    const priority = [1, -1, undefined, undefined][(y >> 4) % 4]
    const maxWait = this.#asks === "times" ? [10, 20, Infinity, undefined][(z >> 2) % 4] : z % 16 === 0 ? 0 : undefined
    return {
      ask: {
        ...(key === undefined || this.#asks === "times" ? {} : { key }),
        ...(priority === undefined || this.#asks === "times" ? {} : { priority }),
        ...(maxWait === undefined ? {} : { maxWait })
      }
    }
  }

  #isOpen(pile: string): boolean {
    const status = this.#board.status.get(pile)
    return status !== undefined && status !== "leaving" && !status.startsWith("over")
  }

  #id(): string {
    return String(++this.#ids)
  }

  #body(kind: number, stubborn: number): Body {
    return bodyOf(this.#id(), kind, stubborn)
  }
}

/** The item of a map with this index. Those that commands feed have no end of their own. */
export const itemOf = (map: string, source: SourceSpec, index: number): Body => ({
  ...source.bodies[index % source.bodies.length] ?? { kind: "gate", stubborn: false },
  id: `${map}.${index}`
})

const kinds = [
  ...["gate", "gate", "gate", "gate", "gate", "gate", "gate", "gate"] as const,
  ...["succeed", "succeed", "fail", "die", "interrupt"] as const
]

const bodyOf = (id: string, kind: number, stubborn: number): Body => ({
  id,
  kind: kinds[kind % kinds.length]!,
  stubborn: stubborn % 4 === 3
})

const sourceOf = (id: string, x: number, y: number, z: number): SourceSpec => ({
  kind: z % 4 === 2 ? "stream" : z % 16 === 7 ? "async" : "iterator",
  throws: y % 16 === 15,
  second: z % 4 === 1 && y % 4 === 2 ? x % 9 : undefined,
  bodies: Array.from({ length: z % 9 }, (_, item) => {
    // Any mixture, from all gates to all ending by themselves.
    const kind = (y * 7 + item * (z % 5)) % 16
    const body = bodyOf(`${id}.${item}`, kind % kinds.length, y + item)
    return kind === 15 ? { ...body, kind: "throw", stubborn: false } : body
  })
})

const pick = <A>(from: ReadonlyArray<A>, which: number): A | undefined => from[which % from.length]

/** A step in words. */
export const show = (step: Step): string =>
  "interrupt" in step
    ? `interrupt the fiber of ${step.interrupt}`
    : "tick" in step
    ? `${step.tick} ms go by`
    : "feed" in step
    ? `source of ${step.feed}: ${step.with.op}${step.with.op === "items" ? ` ${step.with.count}` : ""}`
    : `${step.isNew ? "new " : ""}${step.to}: ${showOrder(step.order)}`

const showOrder = (order: Order): string =>
  Object.entries(order).map(([key, value]) =>
    key === "op"
      ? String(value)
      : key === "body"
      ? showBody(value as Body)
      : key === "ask"
      ? JSON.stringify(value)
      : key === "source"
      ? showSource(value as SourceSpec)
      : `${key} ${String(value)}`
  ).join(" ")

const showSource = ({ bodies, kind, second, throws }: SourceSpec): string =>
  `${kind}${throws ? " that throws after" : " of"} [${bodies.map(showBody).join(", ")}]${
    second === undefined ? "" : ` zipped with ${second}`
  }`

const showBody = (body: Body): string => `${body.id}=${body.kind}${body.stubborn ? "!" : ""}`
