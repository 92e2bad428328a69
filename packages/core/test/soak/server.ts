/**
 * An HTTP server whose every request is a job of a pool, under many clients, some of which disconnect midway.
 */
import autocannon from "autocannon"
import { Effect, Exit, Scope } from "effect"
import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { type AddressInfo, connect } from "node:net"
import { GreenPool } from "../../src/index.ts"
import { heldBytes, megabytes, require, requireQuiet, say } from "./verdict.ts"

const Host = "127.0.0.1"
const Size = 16
const Connections = 48
const Requests = 20_000
const Seconds = 10
/** Clients that disconnect, so many at a time, this often. */
const Leavers = { count: 4, everyMilliseconds: 10 }

const noCounts = { requests: 0, answered: 0, disconnected: 0 }

const serve = (pool: GreenPool, counts: typeof noCounts) => (_: IncomingMessage, response: ServerResponse): void => {
  counts.requests++
  const fiber = Effect.runFork(pool.run(Effect.sleep(1 + counts.requests % 5)))
  response.on("close", () => {
    if (!response.writableFinished) fiber.interruptUnsafe()
  })
  fiber.addObserver((exit) => {
    if (Exit.isSuccess(exit)) {
      counts.answered++
      response.end("ok")
    } else {
      counts.disconnected++
      response.destroy()
    }
  })
}

/** Asks, and is gone a few milliseconds later, whatever the answer. */
const leaveMidway = (port: number): void => {
  const socket = connect(port, Host, () => {
    socket.write(`GET / HTTP/1.1\r\nHost: ${Host}\r\n\r\n`)
    setTimeout(() => socket.destroy(), Math.random() * 8)
  })
  // what a server that is busy does to it
  socket.on("error", () => {})
}

const attack = async (port: number): Promise<autocannon.Result> => {
  const leavers = setInterval(() => {
    for (let i = 0; i < Leavers.count; i++) leaveMidway(port)
  }, Leavers.everyMilliseconds)
  try {
    // By count and by time: the first bound that is reached ends it.
    const run = autocannon({ url: `http://${Host}:${port}`, connections: Connections, amount: Requests })
    const stop = setTimeout(() => (run as unknown as { stop: () => void }).stop(), Seconds * 1000)
    const result = await run
    clearTimeout(stop)
    return result
  } finally {
    clearInterval(leavers)
  }
}

/** Serves under load, and looks at what is left. */
export const serveUnderLoad = async (): Promise<void> => {
  const scope = Scope.makeUnsafe()
  const pool = await Effect.runPromise(Effect.orDie(Scope.provide(GreenPool.make({ size: Size }), scope)))
  const counts = { ...noCounts }
  const server = createServer(serve(pool, counts))
  await once(server.listen(0, Host), "listening")
  const { port } = server.address() as AddressInfo
  try {
    const result = await attack(port)
    // Requests of clients that disconnect may still be on their way.
    await new Promise((resolve) => server.close(resolve))
    const rest = await Effect.runPromise(Effect.timeoutOption(pool.waitall, 10_000))
    require(rest._tag === "Some", "the pool of the server comes to rest within 10 s")
    const stats = await Effect.runPromise(pool.stats)
    requireQuiet(stats)
    require(stats.free === Size, `every slot is free: ${stats.free} of ${Size}`)
    require(result.errors === 0 && result.non2xx === 0, `${result.errors} errors and ${result.non2xx} wrong answers`)
    require(counts.disconnected > 0, "some clients have disconnected midway")
    require(
      counts.requests === counts.answered + counts.disconnected,
      `${counts.requests} requests, ${counts.answered} answered and ${counts.disconnected} disconnected`
    )
    require(stats.succeeded === counts.answered, `${stats.succeeded} jobs succeeded, ${counts.answered} answers`)
    // A request that is disconnected while it waits has never started.
    require(
      stats.failed === 0 && stats.interrupted <= counts.disconnected,
      `${stats.interrupted} jobs interrupted, ${counts.disconnected} disconnected`
    )
    say(
      `server: ${counts.requests} requests, ${counts.answered} answered, ${counts.disconnected} disconnected ` +
        `(${stats.interrupted} running, ${counts.disconnected - stats.interrupted} waiting), ` +
        `${result.requests.average.toFixed(0)} requests a second, ${megabytes(await heldBytes())} held`
    )
  } finally {
    server.closeAllConnections()
    server.close()
    await Effect.runPromise(Scope.close(scope, Exit.void))
  }
}
