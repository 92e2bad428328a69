import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import { assert, describe, it } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Effect, Exit, Schedule, Scope } from "effect"
import { connect, type Socket } from "node:net"
import { echoServer } from "../src/gallery/echo.ts"
import { runExample } from "./example.ts"
import { serveRaw } from "./raw-server.ts"

/** Starts the server, and gives the pool and a way to connect to it. */
const start = (size: number) =>
  Effect.gen(function*() {
    const pool = yield* GreenPool.make({ size })
    const server = yield* NodeSocketServer.make({ host: "127.0.0.1", port: 0, allowHalfOpen: true })
    yield* echoServer(server).pipe(Effect.provideService(GreenPool, pool), Effect.forkScoped)
    const port = server.address._tag === "InetAddressV4" ? server.address.port : 0
    return { pool, client: client(port) }
  })

const client = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<Client>((resume) => {
      const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true }, () => resume(Effect.succeed(made)))
      const made = new Client(socket)
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

class Client {
  readonly socket: Socket
  received = ""
  private readonly closed: Promise<void>

  constructor(socket: Socket) {
    this.socket = socket
    const { promise, resolve } = Promise.withResolvers<void>()
    this.closed = promise
    socket.setEncoding("latin1").on("data", (text: string) => void (this.received += text))
    socket.on("error", () => {}).on("end", () => socket.end()).on("close", () => resolve())
  }

  /** Waits until so much has come back. */
  got(text: string): Effect.Effect<void> {
    return eventually(Effect.sync(() => this.received === text))
  }

  get end(): Effect.Effect<void> {
    return Effect.promise(() => this.closed)
  }
}

const eventually = (condition: Effect.Effect<boolean>): Effect.Effect<void> =>
  Effect.asVoid(Effect.repeat(condition, { until: (holds) => holds, schedule: Schedule.spaced("5 millis") }))

describe("echo", { timeout: 30_000, concurrent: true }, () => {
  it.live("sends back to each of many what it has sent", () =>
    Effect.gen(function*() {
      const { client, pool } = yield* start(20)
      const names = Array.from({ length: 20 }, (_, index) => `client ${index}`)
      yield* Effect.forEach(names, (name) =>
        Effect.gen(function*() {
          const connection = yield* client
          connection.socket.write(name)
          yield* connection.got(name)
        }), { concurrency: "unbounded" })
      assert.strictEqual(yield* pool.running, 20)
    }).pipe(Effect.scoped))

  it.live("sends back all of it, also to who has said all, and then closes", () =>
    Effect.gen(function*() {
      const { client, pool } = yield* start(1)
      const one = yield* client
      const text = "0123456789".repeat(500_000)
      one.socket.end(text, "latin1")
      yield* one.end
      assert.strictEqual(one.received.length, text.length)
      assert.isTrue(one.received === text)
      yield* eventually(Effect.map(pool.running, (running) => running === 0))
    }).pipe(Effect.scoped))

  it.live("serves no more at once than the pool has slots, and the next in line when one leaves", () =>
    Effect.gen(function*() {
      const { client, pool } = yield* start(2)
      const [first, second, third, fourth] = yield* Effect.all([client, client, client, client])
      yield* eventually(Effect.map(pool.waiting, (waiting) => waiting === 2))
      for (const { socket } of [first, second, third, fourth]) socket.write("hello")
      yield* first.got("hello")
      yield* second.got("hello")
      yield* Effect.sleep("50 millis")
      assert.deepStrictEqual([third.received, fourth.received], ["", ""])

      // By a reset, which no server should mind.
      first.socket.resetAndDestroy()
      yield* third.got("hello")
      assert.strictEqual(fourth.received, "")
      second.socket.end()
      yield* fourth.got("hello")
      assert.deepStrictEqual([yield* pool.running, yield* pool.waiting], [2, 0])
    }).pipe(Effect.scoped))

  it.live("ends at once, with those in line and those who do not read their echo", () =>
    Effect.gen(function*() {
      const server = yield* Scope.make()
      const { client, pool } = yield* Scope.provide(start(1), server)
      const deaf = yield* client
      deaf.socket.pause()
      deaf.socket.write(Buffer.alloc(64 * 1024 * 1024))
      yield* eventually(Effect.map(pool.running, (running) => running === 1))
      // Until nothing more goes either way.
      yield* Effect.sleep("200 millis")
      const waiting = yield* client
      yield* eventually(Effect.map(pool.waiting, (waiting) => waiting === 1))

      yield* Scope.close(server, Exit.void).pipe(Effect.timeout("5 seconds"))
      yield* waiting.end
      assert.strictEqual(waiting.received, "")
    }).pipe(Effect.scoped))

  it.live("says so when its port is taken", () =>
    Effect.gen(function*() {
      const { port } = new URL((yield* serveRaw(() => {})).origin)
      const { code, stderr } = yield* runExample("echo", "--port", port)
      assert.strictEqual(stderr, `Open: listen EADDRINUSE: address already in use 127.0.0.1:${port}\n`)
      assert.strictEqual(code, 1)
    }).pipe(Effect.scoped))
})
