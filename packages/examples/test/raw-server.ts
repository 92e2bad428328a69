import { Effect } from "effect"
import { createServer, type Server, type Socket } from "node:net"

/** Has a server listen on a free port, by default of all addresses, until the scope closes, and returns the port. */
export const listen = Effect.fnUntraced(function*(server: Server, host?: string) {
  const sockets = new Set<Socket>()
  server.on("connection", (socket) => {
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket))
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen({ port: 0, host }, () => resume(Effect.void))),
    () =>
      Effect.callback<void>((resume) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resume(Effect.void))
      })
  )
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
})

/** A server below HTTP: `onRequest` may do to the connection what no HTTP server would. */
export const serveRaw = (onRequest: (socket: Socket, path: string, method: string) => void) => {
  const server = createServer((socket) => {
    let head = ""
    socket.on("error", () => socket.destroy()).on("data", (data) => {
      head += data.toString("latin1")
      if (!head.includes("\r\n\r\n")) return
      const [method = "", path = ""] = head.split(" ")
      head = ""
      onRequest(socket, path, method)
    })
  })
  return Effect.map(listen(server, "127.0.0.1"), (port) => ({ origin: `http://127.0.0.1:${port}` }))
}

/** The same, and how many requests are open, and were open at most. */
export const serveCounting = (onRequest: (socket: Socket, path: string) => void) =>
  Effect.suspend(() => {
    let open = 0
    let most = 0
    const server = serveRaw((socket, path) => {
      most = Math.max(most, ++open)
      socket.once("close", () => open--)
      onRequest(socket, path)
    })
    return Effect.map(server, ({ origin }) => ({ origin, open: () => open, most: () => most }))
  })

/** An HTTP response after which the connection closes. */
export const respond = (status: string, body: string, ...headers: ReadonlyArray<string>): string => {
  const length = `Content-Length: ${Buffer.byteLength(body)}`
  const all = ["Content-Type: text/html", length, "Connection: close", ...headers]
  return [`HTTP/1.1 ${status}`, ...all, "", body].join("\r\n")
}

/** What a path is answered: that, or what does it. */
type Answers = Readonly<Record<string, string | Buffer | ((socket: Socket, method: string) => void)>>

/** A server that gives each path its answer, and 404 to others, its robots.txt included, and notes the methods. */
export const serve = (answers: Answers) => {
  const methods: Record<string, Array<string>> = {}
  const server = serveRaw((socket, path, method) => {
    ;(methods[path] ??= []).push(method)
    const answer = answers[path] ?? respond("404 Not Found", "")
    if (typeof answer === "function") answer(socket, method)
    else socket.end(answer)
  })
  return Effect.map(server, ({ origin }) => ({ origin, methods }))
}

/** A server whose path `/never` gets no answer: `asked` waits until it is asked for, `closed` until that has ended. */
export const serveNever = (answers: Answers = {}) => {
  const asked = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  const never = (socket: Socket) => {
    socket.on("close", closed.resolve)
    asked.resolve()
  }
  const waits = { asked: Effect.promise(() => asked.promise), closed: Effect.promise(() => closed.promise) }
  return Effect.map(serve({ ...answers, "/never": never }), ({ origin }) => ({ origin, ...waits }))
}

export const linksTo = (...urls: ReadonlyArray<string>) =>
  respond("200 OK", urls.map((url) => `<a href="${url}">`).join(""))
