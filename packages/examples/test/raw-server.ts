import { Effect } from "effect"
import { createServer, type Socket } from "node:net"

/** A server below HTTP: `onRequest` may do to the connection what no HTTP server would. */
export const serveRaw = (onRequest: (socket: Socket, path: string, method: string) => void) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly origin: string; readonly close: Effect.Effect<void> }>((resume) => {
      const sockets = new Set<Socket>()
      const server = createServer((socket) => {
        sockets.add(socket)
        socket.on("close", () => sockets.delete(socket))
        socket.on("error", () => socket.destroy())
        let head = ""
        socket.on("data", (data) => {
          head += data.toString("latin1")
          if (!head.includes("\r\n\r\n")) return
          const [method = "", path = ""] = head.split(" ")
          head = ""
          onRequest(socket, path, method)
        })
      })
      const close = Effect.callback<void>((resume) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resume(Effect.void))
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        resume(Effect.succeed({ origin: `http://127.0.0.1:${port}`, close }))
      })
    }),
    ({ close }) => close
  )

/** An HTTP response after which the connection closes. */
export const respond = (status: string, body: string, ...headers: ReadonlyArray<string>): string =>
  [
    `HTTP/1.1 ${status}`,
    "Content-Type: text/html",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
    ...headers,
    "",
    body
  ].join("\r\n")

/** What a path is answered: that, or what does it. */
type Answers = Readonly<Record<string, string | Buffer | ((socket: Socket, method: string) => void)>>

/** A server that gives each path its answer, and 404 to others, its robots.txt included. */
export const serve = (answers: Answers) =>
  serveRaw((socket, path, method) => {
    const answer = answers[path] ?? respond("404 Not Found", "")
    if (typeof answer === "function") answer(socket, method)
    else socket.end(answer)
  })

/** A server whose path `/never` gets no answer: `asked` waits until it is asked for, `closed` until that has ended. */
export const serveNever = (answers: Answers = {}) => {
  const asked = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  const never = (socket: Socket) => {
    socket.on("close", closed.resolve)
    asked.resolve()
  }
  return Effect.map(serve({ ...answers, "/never": never }), ({ origin }) => ({
    origin,
    asked: Effect.promise(() => asked.promise),
    closed: Effect.promise(() => closed.promise)
  }))
}

/** A page with these links. */
export const linksTo = (...urls: ReadonlyArray<string>) =>
  respond("200 OK", urls.map((url) => `<a href="${url}">`).join(""))
