// The server of the example `adaptive`, a process of its own: some workers that take 20 to 60 ms for a request, a queue as
// long again, and 503 for everything beyond. Its parent tells it how many workers it has, at first and later.
import { createServer, type ServerResponse } from "node:http"

let workers = 0
let busy = 0
const queue: Array<ServerResponse> = []

const serve = (): void => {
  while (busy < workers) {
    const response = queue.shift()
    if (response === undefined) return
    busy++
    setTimeout(() => {
      busy--
      response.end("done\n")
      serve()
    }, 20 + Math.random() * 40)
  }
}

const server = createServer((_, response) => {
  if (queue.length >= workers) {
    response.statusCode = 503
    response.end("too much\n")
    return
  }
  queue.push(response)
  serve()
})

server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  if (address !== null && typeof address === "object") process.send?.(address.port)
})

process.on("message", (count: number) => {
  workers = count
  serve()
})
process.on("disconnect", () => process.exit())
