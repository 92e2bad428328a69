import { createServer } from "node:net"

/** A port of this machine that is free. */
export const freePort = async (): Promise<number> => {
  const server = createServer()
  // A low port: one of the ephemeral range may be taken by a connection before it is used.
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = 10_000 + Math.floor(Math.random() * 20_000)
    const free = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false))
      server.listen(port, "127.0.0.1", () => resolve(true))
    })
    server.removeAllListeners("error")
    if (free) {
      await new Promise((resolve) => server.close(resolve))
      return port
    }
  }
  throw new Error("There is no free port")
}
