// A TCP server that sends back what it receives. Its connections run in a pool: one that comes when all slots are taken
// is connected, and waits in the queue until another leaves.
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import { GreenPool } from "@greenpool/core"
import { Console, Effect, Option } from "effect"
import { NetAddress } from "effect/net"
import type { Socket, SocketServer } from "effect/socket"

/** One connection, until the client has left. */
const echo = (socket: Socket.Socket) =>
  Effect.gen(function*() {
    // Reader and writer belong to the scope, which closes the connection. They are there before the slot is, so that a
    // connection that is interrupted in the queue is closed, too.
    const { pull } = yield* socket.reader
    const { writeAll } = yield* socket.writer
    // Nothing more is read until all is written: a client that does not read its echo is not read either.
    return yield* GreenPool.run(Effect.forever(Effect.flatMap(pull, writeAll)))
  }).pipe(
    Effect.scoped,
    // Its end is the only way out, with or without an error: the client has left.
    Effect.catchTag("SocketError", () => Effect.void),
    // The end of the server does not even wait for what a client has not read yet.
    Effect.onInterrupt(() =>
      Effect.map(Effect.serviceOption(NodeSocket.NetSocket), Option.map((connection) => connection.destroy()))
    )
  )

/** Serves until it is interrupted, which ends all connections. */
export const echoServer = (server: SocketServer.SocketServer["Service"]) => server.run(echo)

export const main = Effect.fn("echo")(function*({ port, size }: { readonly port: number; readonly size: number }) {
  // `allowHalfOpen`: a client that has sent everything still gets the rest of the echo.
  const server = yield* NodeSocketServer.make({ host: "127.0.0.1", port, allowHalfOpen: true })
  yield* Console.log(`listening on ${NetAddress.formatSocketAddress(server.address)}`)
  return yield* echoServer(server).pipe(Effect.provide(GreenPool.layer({ size })))
}, Effect.scoped)
