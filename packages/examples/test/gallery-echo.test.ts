import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import { assert, describe } from "@effect/vitest"
import { GreenPool } from "@greenpool/core"
import { Effect, Exit, Scope } from "effect"
import { once } from "node:events"
import { connect } from "node:net"
import { echoServer } from "../src/gallery/echo.ts"
import { runExample } from "./example.ts"
import { eventually, live } from "./live.ts"
import { serveRaw } from "./raw-server.ts"

/** Starts the server, and gives the pool and a way to connect to it. */
const start = Effect.fnUntraced(function*(size: number) {
  const pool = yield* GreenPool.make({ size })
  const server = yield* NodeSocketServer.make({ host: "127.0.0.1", port: 0, allowHalfOpen: true })
  yield* echoServer(server).pipe(Effect.provideService(GreenPool, pool), Effect.forkScoped)
  const port = server.address._tag === "InetAddressV4" ? server.address.port : 0
  const has = (running: number, waiting: number) =>
    eventually(Effect.map(pool.stats, (stats) => stats.running === running && stats.waiting === waiting))
  return { client: client(port), has }
})

const client = Effect.fnUntraced(function*(port: number) {
  const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true }).setEncoding("latin1")
  yield* Effect.addFinalizer(() => Effect.sync(() => socket.destroy()))
  let received = ""
  socket.on("data", (text) => void (received += text)).on("error", () => {}).on("end", () => socket.end())
  yield* Effect.promise(() => once(socket, "connect"))
  const got = (text: string) => eventually(() => received === text)
  return { socket, received: () => received, got, closed: eventually(() => socket.closed) }
})

describe("echo", { timeout: 30_000, concurrent: true }, () => {
  live("sends back all of it, also to who has said all, and then closes", function*() {
    const { client, has } = yield* start(1)
    const one = yield* client
    const text = "0123456789".repeat(500_000)
    one.socket.end(text, "latin1")
    yield* one.closed
    assert.isTrue(one.received() === text, `${one.received().length} bytes`)
    yield* has(0, 0)
  })

  live("serves no more at once than the pool has slots, and the next in line when one leaves", function*() {
    const { client, has } = yield* start(2)
    const [first, second, third, fourth] = yield* Effect.all([client, client, client, client])
    yield* has(2, 2)
    for (const { socket } of [first, second, third, fourth]) socket.write("hello")
    yield* first.got("hello")
    yield* second.got("hello")
    yield* Effect.sleep("50 millis")
    assert.deepStrictEqual([third.received(), fourth.received()], ["", ""])

    // By a reset, which no server should mind.
    first.socket.resetAndDestroy()
    yield* third.got("hello")
    assert.strictEqual(fourth.received(), "")
    second.socket.end()
    yield* fourth.got("hello")
    yield* has(2, 0)
  })

  live("ends immediately, with those that wait and those that do not read their echo", function*() {
    const server = yield* Scope.make()
    const { client, has } = yield* Scope.provide(start(1), server)
    const deaf = yield* client
    deaf.socket.pause()
    deaf.socket.write(Buffer.alloc(64 * 1024 * 1024))
    yield* has(1, 0)
    // Until nothing more goes either way.
    yield* Effect.sleep("200 millis")
    const waiting = yield* client
    yield* has(1, 1)
    yield* Scope.close(server, Exit.void).pipe(Effect.timeout("5 seconds"))
    yield* waiting.closed
    assert.strictEqual(waiting.received(), "")
  })

  live("and metrics say so when their port is taken", function*() {
    const { port } = new URL((yield* serveRaw(() => {})).origin)
    for (const [name, says] of [["echo", "Open: listen"], ["metrics", "listen"]] as const) {
      const { code, stderr } = yield* runExample(name, "--port", port)
      assert.deepStrictEqual([code, stderr], [1, `${says} EADDRINUSE: address already in use 127.0.0.1:${port}\n`])
    }
  })
})
