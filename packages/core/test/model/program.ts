/**
 * Random programs: what actors are told to do to pools, in a form that both the model and the library can carry out.
 *
 * An actor is a piece of an Effect that waits for orders: the body of a job, a fiber that a job forked, or a caller
 * from outside. A command is a few small numbers, so that it shrinks well; which actor and which pool they mean is
 * settled only when its turn comes (`Cast.step`), by what is there then.
 */
import { absurd } from "effect/Function"
import { map } from "effect/UndefinedOr"
import * as fc from "fast-check"
import type { Board } from "./board.ts"

export type End = "succeed" | "fail" | "die" | "interrupt"

/** What an actor is made of. */
export interface Body {
  readonly id: string
  /** Waits for orders, or ends by itself. `throw` is for items of maps: `f` throws. */
  readonly kind: "gate" | "throw" | End
  /** Its finalizer waits for orders too. */
  readonly stubborn: boolean
}

/** What a map reads: an iterator that is there at once, or a stream or async iterable that commands feed. */
export interface SourceSpec {
  readonly kind: "iterator" | "stream" | "async"
  readonly bodies: ReadonlyArray<Body>
  /** The iterator throws instead of ending. */
  readonly throws: boolean
  /** The length of a second iterator that is zipped with the first. */
  readonly second: number | undefined
}

/** What a pool does in addition to granting slots. Times are in milliseconds. */
export interface Rules {
  readonly maxWaiting: number
  readonly maxWait: number
  /** How long its close lets jobs finish. */
  readonly drain: number
  /** Of an adaptive pool: decides what the end of each job says, and does. */
  readonly verdicts?: number
}

export const noRules: Rules = { maxWaiting: Infinity, maxWait: Infinity, drain: 0 }

/** What a caller asks for, in addition to a slot. */
export interface Ask {
  readonly key?: string
  readonly priority?: number
  readonly maxWait?: number
}

interface Job {
  readonly pool: number
  readonly body: Body
  readonly ask: Ask
}

export type Order =
  | { readonly op: "end"; readonly how: End }
  /** Jobs in the fiber of their caller. */
  | (Job & { readonly op: "run" | "runStream" | "runIfAvailable" })
  /** Takes a slot, and keeps it while the body runs: within the slot or beside it. */
  | (Job & { readonly op: "takeScoped"; readonly within: boolean })
  | (Job & { readonly op: "spawn" | "spawnN" | "spawnIfAvailable" })
  | { readonly op: "fork" | "detach"; readonly body: Body }
  | { readonly op: "join"; readonly fiber: string }
  | { readonly op: "waitall" | "close" | "evict"; readonly pool: number }
  | { readonly op: "resize"; readonly pool: number; readonly size: number }
  | { readonly op: "allow"; readonly pool: number; readonly slots: number }
  | { readonly op: "pile"; readonly pool: number | undefined; readonly size: number; readonly body: Body }
  | (Omit<Job, "pool"> & { readonly op: "pileSpawn"; readonly pile: string })
  | { readonly op: "next" | "results" | "exits"; readonly pile: string }
  | (Omit<Job, "ask"> & {
    readonly op: "map"
    readonly verb: "imap" | "imapUnordered" | "imapExit"
    readonly source: SourceSpec
  })
  | { readonly op: "pull" }

/** The order of this name. */
export type OrderOf<Op extends Order["op"]> = Extract<Order, { readonly op: Op }>

/** What happens to the sources of maps. */
export type Feed = { readonly op: "items"; readonly count: number } | { readonly op: "end" } | { readonly op: "fail" }

/** One step of a program, with everything settled. */
export type Step =
  | { readonly to: string; readonly isNew: boolean; readonly order: Order }
  | { readonly interrupt: string }
  | { readonly feed: string; readonly with: Feed }
  | { readonly tick: number }

type Verb = Order["op"] | "interrupt" | "feed" | "tick"

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
  /** Of each pool. */
  readonly rules: ReadonlyArray<Rules>
  /** What callers may ask for, where they may. */
  readonly asks: "nothing" | "keys" | "times"
  /** In the end, those who came first go home first. */
  readonly eldestFirst: boolean
  readonly commands: ReadonlyArray<Command>
}

/** Each verb as often as it comes up: what is rare among everything is at home in a theme of its own. */
const theme = (weights: string): ReadonlyArray<Verb> =>
  weights.split(", ").flatMap((entry) => {
    const [verb, weight] = entry.split(" ")
    return new Array<Verb>(Number(weight)).fill(verb as Verb)
  })

const everything = theme(
  "end 6, run 6, spawn 6, spawnN 2, fork 2, detach 2, join 1, interrupt 5, resize 4, map 4, pull 7, feed 4, pile 2, " +
    "pileSpawn 5, next 3, results 1, exits 1, waitall 1, close 1, runStream 2, takeScoped 3"
)
const nesting = theme(
  "end 16, run 12, runStream 2, takeScoped 3, spawn 12, detach 10, fork 3, interrupt 6, resize 4, map 2, pull 4, " +
    "waitall 1, close 1"
)
const lending = theme("end 10, run 12, takeScoped 2, detach 12, spawn 4, interrupt 3, resize 1")
const idling = theme("end 8, run 8, spawn 4, waitall 8, interrupt 8, resize 10, close 1")
const maps = theme("end 16, pull 16, map 8, feed 8, run 6, interrupt 6, resize 8, detach 2, close 1")
const piles = theme(
  "end 12, pileSpawn 16, next 8, results 2, exits 2, pile 4, interrupt 8, run 4, detach 2, resize 6, close 1"
)
const elsewhere = theme(
  "end 12, run 10, spawn 8, spawnN 2, detach 6, runIfAvailable 2, spawnIfAvailable 2, interrupt 4, resize 3, " +
    "allow 10, evict 3, map 4, pull 7, feed 2, pile 1, pileSpawn 4, next 2, waitall 2, close 1"
)
const admission = "end 14, run 14, spawn 8, spawnN 2, detach 4, runIfAvailable 3, spawnIfAvailable 3, runStream 2, " +
  "takeScoped 3, interrupt 4, resize 4, map 3, pull 5, feed 1, pile 2, pileSpawn 5, next 3, waitall 1, close 2"

/** Programs over this many pools at most, of these sizes. */
const programOf = (
  pools: number,
  sizes: ReadonlyArray<number>,
  verbs: ReadonlyArray<Verb>,
  maxLength: number
): fc.Arbitrary<Program> => {
  const number = fc.nat(99)
  const command = fc.record({ verb: fc.constantFrom(...verbs), who: number, x: number, y: number, z: number })
  return fc.record({
    sizes: fc.array(fc.constantFrom(...sizes), { minLength: 1, maxLength: pools }),
    eldestFirst: fc.boolean(),
    commands: fc.array(command, { maxLength, size: "max" })
  }).map((program) => ({ ...program, rules: program.sizes.map(() => noRules), asks: "nothing" }))
}

/** Programs over adaptive pools, whose sizes change as their jobs end. */
const adaptive = (programs: fc.Arbitrary<Program>): fc.Arbitrary<Program> =>
  fc.record({ program: programs, verdicts: fc.nat() }).map(({ program, verdicts }) => ({
    ...program,
    rules: program.rules.map((rules, pool) => ({ ...rules, verdicts: verdicts + pool }))
  }))

/** Programs over pools with bounds, keys and priorities, or times, that drain or not. */
export const admissionPrograms = (maxLength: number): fc.Arbitrary<Program> => {
  const of = (asks: "keys" | "times", times: ReadonlyArray<number>, verbs: string) => {
    const rules = fc.record({
      maxWaiting: fc.constantFrom(Infinity, Infinity, 0, 1, 2),
      maxWait: fc.constantFrom(Infinity, ...times),
      drain: fc.constantFrom(Infinity, 0, ...times)
    })
    return fc.record({
      program: programOf(2, [1, 1, 2, 3, 0], theme(verbs), maxLength),
      rules: fc.tuple(rules, rules)
    }).map(({ program, rules }): Program => ({ ...program, rules: rules.slice(0, program.sizes.length), asks }))
  }
  // Where the time stands still, all that keys have used is nothing: they take turns.
  return fc.oneof(of("keys", [], admission), of("times", [0, 10, 20, 20], `${admission}, tick 10`))
}

/** Programs over one or two pools. */
export const programs = (maxLength: number): fc.Arbitrary<Program> =>
  fc.oneof(
    programOf(2, [1, 0, 2, 3], everything, maxLength),
    programOf(2, [1, 1, 2], nesting, maxLength),
    programOf(1, [1, 2, 3], nesting, maxLength),
    programOf(1, [1, 2], lending, maxLength),
    programOf(1, [0, 1], idling, maxLength),
    programOf(1, [1, 2, 3, 4], maps, maxLength),
    programOf(1, [1, 2, 3], piles, maxLength),
    programOf(2, [1, 2, 3], elsewhere, maxLength),
    adaptive(programOf(2, [1, 0, 2, 3], everything, maxLength)),
    adaptive(programOf(1, [1, 2, 3], nesting, maxLength)),
    adaptive(programOf(1, [1, 2, 3, 4], maps, maxLength))
  )

/** Orders whose body runs in the fiber of the actor. */
const inCaller: ReadonlySet<Order["op"]> = new Set(["run", "runStream", "takeScoped", "map", "pile"])

/** How many commands in a hundred go to a caller from outside who has not been there before. */
const Newcomers = 15

const ends = ["succeed", "succeed", "fail", "die", "succeed", "interrupt"] as const

const tell = (to: string, order: Order, isNew = false): Step => ({ to, isNew, order })

/** Those who are on the stage, and the pools, piles and maps there. Made anew for each run of a program. */
export class Cast {
  readonly #program: Program
  readonly #board: Board
  readonly #piles: Array<string> = []
  /** Piles with a pool of their own. */
  readonly #private = new Set<string>()
  readonly #maps: Array<string> = []
  /** Actors that no interruption reaches, since they are inside a finalizer. */
  readonly #guarded = new Set<string>()
  #ids = 0

  constructor(program: Program, board: Board) {
    this.#program = program
    this.#board = board
  }

  /** Maps whose source is to deliver. */
  get #awaited(): ReadonlyArray<string> {
    return this.#maps.filter((map) => this.#board.status.get(`${map} source`) === "awaited")
  }

  /** What the command means now, or nothing when there is nobody whom it could mean. */
  step(command: Command, fibers: ReadonlyArray<string>): Step | undefined {
    const { verb, who, x } = command
    if (verb === "interrupt") return map(pick(fibers, who), (interrupt) => ({ interrupt }))
    if (verb === "tick") return { tick: x % 4 * 5 }
    if (verb === "feed") {
      const op = x % 8 === 6 ? "end" : x % 8 === 7 ? "fail" : "items"
      const feed: Feed = op === "items" ? { op, count: x % 4 + 1 } : { op }
      return map(pick(this.#awaited, who), (source) => ({ feed: source, with: feed }))
    }
    const idle = this.#board.idle.toReversed()
    if (verb === "end") return map(pick(idle, who), (to) => tell(to, { op: verb, how: ends[x % ends.length]! }))
    if (verb === "pull") {
      const readers = idle.filter((actor) => this.#maps.includes(actor) && !this.#board.exhausted.has(actor))
      return map(pick(readers, who), (to) => tell(to, { op: verb }))
    }
    // Mostly the latest ones, so that some get deep into things.
    const known = who < Newcomers
      ? undefined
      : idle[Math.floor(((who - Newcomers) / (100 - Newcomers)) ** 2 * idle.length)]
    const to = known ?? this.#id()
    const isGuarded = this.#guarded.has(to) || this.#board.status.get(to) === "finalizing"
    const order = this.#order(verb, command, fibers, isGuarded)
    if (isGuarded && order !== undefined && inCaller.has(order.op) && "body" in order) this.#guarded.add(order.body.id)
    return map(order, (order) => tell(to, order, to !== known))
  }

  /** Sends everybody home: ends who waits for an order, opens paused pools, interrupts who is left, closes the pools. */
  *windUp(fibers: ReadonlyMap<string, unknown>): Generator<Step> {
    const interrupted = new Set<string>()
    const pools = [...this.#program.sizes.keys()]
    const openings = [
      ...pools.map((pool): Order => ({ op: "allow", pool, slots: 4 })),
      ...pools.map((pool): Order => ({ op: "resize", pool, size: 2 }))
    ]
    const closings = pools.map((pool): Order => ({ op: "close", pool }))
    const next = (): Step | undefined => {
      const idle = this.#board.idle.at(this.#program.eldestFirst ? 0 : -1)
      if (idle !== undefined) return tell(idle, { op: "end", how: "succeed" })
      const [feed] = this.#awaited
      if (feed !== undefined) return { feed, with: { op: "end" } }
      const opening = openings.shift()
      if (opening !== undefined) return tell(this.#id(), opening, true)
      const interrupt = [...fibers.keys()].find((fiber) => !interrupted.has(fiber))
      if (interrupt === undefined) return map(closings.shift(), (closing) => tell(this.#id(), closing, true))
      interrupted.add(interrupt)
      return { interrupt }
    }
    for (let step = next(); step !== undefined; step = next()) yield step
  }

  #order(
    op: Exclude<Verb, "interrupt" | "feed" | "end" | "pull" | "tick">,
    { x, y, z }: Command,
    fibers: ReadonlyArray<string>,
    isGuarded: boolean
  ): Order | undefined {
    const pool = x % this.#program.sizes.length
    switch (op) {
      case "run":
      case "runStream":
      case "runIfAvailable":
      case "spawn":
      case "spawnN":
      case "spawnIfAvailable":
        return { op, pool, body: this.#body(y, z), ask: this.#ask(x, y, z) }
      case "takeScoped": {
        // Beside its slot, where pools drain, a body could wait for its own slot for ever.
        const within = y % 2 === 0 || this.#program.rules.some(({ drain }) => drain > 0)
        return { op, pool, within, body: this.#body(y, z), ask: this.#ask(x, y, z) }
      }
      case "fork":
      case "detach":
        return { op, body: this.#body(0, z) }
      case "join":
        // A finalizer that waits for its own fiber, or below for its own job, would do so for ever.
        return isGuarded ? undefined : map(pick(fibers, x), (fiber) => ({ op, fiber }))
      case "evict":
        return isGuarded ? undefined : { op, pool }
      case "waitall":
      case "close":
        return { op, pool }
      case "allow":
        return { op, pool, slots: y % 4 }
      case "resize":
        return { op, pool, size: y % 5 }
      case "pile": {
        const body = this.#body(0, z)
        this.#piles.push(body.id)
        const isPrivate = y % 4 === 3
        if (isPrivate) this.#private.add(body.id)
        return { op, pool: isPrivate ? undefined : pool, size: x % 3 + 1, body }
      }
      case "pileSpawn":
        return map(this.#pile(x), (pile) => ({ op, pile, body: this.#body(y, z), ask: this.#ask(x, y, z) }))
      case "next":
      case "results":
      case "exits":
        // A finalizer may wait here for its own job; then only the close of the pool helps, which comes too late.
        return map(this.#pile(x), (pile) => isGuarded && this.#private.has(pile) ? undefined : { op, pile })
      case "map": {
        const body = this.#body(0, z)
        this.#maps.push(body.id)
        const verb = (["imap", "imapUnordered", "imapExit"] as const)[y % 3]!
        return { op, pool, verb, source: sourceOf(body.id, x, y, z), body }
      }
      default:
        return absurd(op)
    }
  }

  #ask(x: number, y: number, z: number): Ask {
    const maxWait = z % 16 === 0 ? 0 : undefined
    switch (this.#program.asks) {
      case "nothing":
        return {}
      case "times":
        return given({ maxWait: [10, 20, Infinity, undefined][(z >> 2) % 4] })
      case "keys":
        return given({
          key: ["a", "b", "c", undefined][(x >> 1) % 4],
          priority: [1, -1, undefined, undefined][(y >> 4) % 4],
          maxWait
        })
    }
  }

  /** One of the piles that are open. */
  #pile(which: number): string | undefined {
    const isOpen = (status = "leaving"): boolean => status !== "leaving" && !status.startsWith("over")
    return pick(this.#piles.filter((pile) => isOpen(this.#board.status.get(pile))), which)
  }

  #id(): string {
    return String(++this.#ids)
  }

  #body(kind: number, stubborn: number): Body {
    return bodyOf(this.#id(), kind, stubborn)
  }
}

/** The options as users write them: what is undefined is not there. */
export const given = <A extends object>(options: A) =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    readonly [Key in keyof A]?: Exclude<A[Key], undefined>
  }

/** The item of a map with this index. Those that commands feed have no end of their own. */
export const itemOf = (map: string, source: SourceSpec, index: number): Body => ({
  ...source.bodies[index % source.bodies.length] ?? { kind: "gate", stubborn: false },
  id: `${map}.${index}`
})

const kinds: ReadonlyArray<Body["kind"]> = [
  ...new Array<"gate">(8).fill("gate"),
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
export const show = (step: Step): string => {
  if ("interrupt" in step) return `interrupt the fiber of ${step.interrupt}`
  if ("tick" in step) return `${step.tick} ms go by`
  if ("feed" in step) return `source of ${step.feed}: ${Object.values(step.with).join(" ")}`
  const { ask, op, ...rest } = { ask: {}, ...step.order }
  const details = Object.entries({ ...rest, ...ask }).map(([key, value]) => words[key]?.(value) ?? `${key} ${value}`)
  return [`${step.isNew ? "new " : ""}${step.to}: ${op}`, ...details].join(" ")
}

const showBody = (body: Body): string => `${body.id}=${body.kind}${body.stubborn ? "!" : ""}`

const words: Readonly<Record<string, (value: any) => string>> = {
  body: showBody,
  source: ({ bodies, kind, second, throws }: SourceSpec) =>
    `${kind}${throws ? " that throws after" : " of"} [${bodies.map(showBody).join(", ")}]` +
    (second === undefined ? "" : ` zipped with ${second}`)
}
