// A TCP server that sends back what it gets. Its connections run in a pool: one that comes when all slots are taken
// is connected, and waits in line until another leaves.
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import { GreenPool } from "@greenpool/core"
import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { NetAddress } from "effect/net"
import type { Socket, SocketServer } from "effect/socket"
import { integer, port } from "../flags.ts"

/** One connection, until the client is gone. */
const echo = (socket: Socket.Socket) =>
  Effect.gen(function*() {
    // Reader and writer belong to the scope, which closes the connection. They are there before the slot is, so that a
    // connection that is interrupted in line is closed, too.
    const { pull } = yield* socket.reader
    const { writeAll } = yield* socket.writer
    // Nothing more is read until all is written: a client that does not read its echo is not read either.
    return yield* GreenPool.run(Effect.forever(Effect.flatMap(pull, writeAll)))
  }).pipe(
    Effect.scoped,
    // Its end is the only way out, with or without an error: the client has left.
    Effect.catchTag("SocketError", () => Effect.void),
    // Not even for what a client has not read yet does the end of the server wait.
    Effect.onInterrupt(() =>
      Effect.map(Effect.serviceOption(NodeSocket.NetSocket), Option.map((connection) => connection.destroy()))
    )
  )

/** Serves for ever. Its interruption ends all connections. */
export const echoServer = (server: SocketServer.SocketServer["Service"]) => server.run(echo)

const command = Command.make(
  "echo",
  {
    port: port("Where to listen (default: any free port)").pipe(Flag.withDefault(0)),
    size: integer("size", "How many connections at once", 1000)
  },
  Effect.fn("echo")(
    function*({ port, size }) {
      // `allowHalfOpen`: a client that has said all still gets the rest of the echo.
      const server = yield* NodeSocketServer.make({ host: "127.0.0.1", port, allowHalfOpen: true })
      yield* Console.log(`listening on ${NetAddress.formatSocketAddress(server.address)}`)
      return yield* echoServer(server).pipe(Effect.provide(GreenPool.layer({ size })))
    },
    Effect.scoped
  )
).pipe(Command.withDescription("A TCP server that sends back what it gets; its connections run in a pool."))

export const main = Command.run(command, { version: "0.1.0" })
