import { Effect } from "effect"
import { once } from "node:events"
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request } from "node:http"
import { freePort } from "../../../cluster/test/support/ports.ts"

interface ProxyOptions {
  /** The path here, and the one that it becomes there. */
  readonly from: string
  readonly to: string
  readonly headers?: (headers: IncomingHttpHeaders) => IncomingHttpHeaders
}

interface Proxy {
  readonly port: number
  isBroken: boolean
  /** When there were requests. */
  readonly requests: Array<number>
  /** Passes nothing on of the answers that are open, and closes none. */
  readonly silence: () => void
  /** Breaks all connections. */
  readonly drop: () => void
}

/** A proxy, until the scope closes, which renames a path; while `isBroken`, it answers 502. */
export const proxy = Effect.fnUntraced(
  function*(target: string, { from, headers = (headers) => headers, to }: ProxyOptions) {
    const answers = new Set<IncomingMessage>()
    const server = createServer((incoming, outgoing) => {
      state.requests.push(Date.now())
      if (state.isBroken || !incoming.url!.startsWith(from)) {
        outgoing.writeHead(state.isBroken ? 502 : 404, { "content-type": "text/html" }).end("<h1>Bad Gateway</h1>")
        return
      }
      const url = new URL(to + incoming.url!.slice(from.length), target)
      const passed = request(url, { method: incoming.method!, headers: headers(incoming.headers), agent: false })
      passed.on("response", (response) => {
        outgoing.writeHead(response.statusCode!, response.headers)
        outgoing.flushHeaders()
        response.pipe(outgoing)
        answers.add(response)
        response.on("close", () => answers.delete(response))
        response.on("error", () => outgoing.destroy())
      })
      passed.on("error", () => outgoing.headersSent ? outgoing.destroy() : outgoing.writeHead(502).end())
      outgoing.on("close", () => passed.destroy())
      incoming.pipe(passed)
    })
    const state: Proxy = {
      port: yield* Effect.promise(freePort),
      isBroken: false,
      requests: [],
      silence: () => answers.forEach((answer) => answer.unpipe()),
      drop: () => server.closeAllConnections()
    }
    yield* Effect.promise(() => once(server.listen(state.port, "127.0.0.1"), "listening"))
    yield* Effect.addFinalizer(() => Effect.sync(() => server.close().closeAllConnections()))
    return state
  }
)
