import { once } from "node:events"
import { createConnection, createServer, type Server, type Socket } from "node:net"

/** A wire between processes of this machine, which can be cut: nothing arrives any more, and no connection closes. */
export class Wire implements AsyncDisposable {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #isCut = false

  private constructor(to: number) {
    this.#server = createServer((near) => {
      const far = createConnection(to, "localhost")
      for (const [one, other] of [[near, far], [far, near]] as const) {
        this.#sockets.add(one)
        one.setNoDelay(true)
        one.on("data", (data) => other.write(data))
        one.on("error", () => other.destroy())
        one.on("close", () => {
          this.#sockets.delete(one)
          other.destroy()
        })
        if (this.#isCut) one.pause()
      }
    })
  }

  /** Lays a wire from a port to another one. */
  static async lay(from: number, to: number): Promise<Wire> {
    const wire = new Wire(to)
    wire.#server.listen(from, "localhost")
    await once(wire.#server, "listening")
    return wire
  }

  cut(): void {
    this.#isCut = true
    for (const socket of this.#sockets) socket.pause()
  }

  mend(): void {
    this.#isCut = false
    for (const socket of this.#sockets) socket.resume()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, "close")
  }
}
