// A pipe by its name: a FIFO, `/dev/stdin` behind a `|`, or the `/dev/fd/63` of a shell's `<(…)`.
import * as NodeStream from "@effect/platform-node/NodeStream"
import { Effect, PlatformError, Stream } from "effect"
import { constants, openSync } from "node:fs"
import { Socket } from "node:net"

/**
 * The bytes of a pipe. It has no positions, at which a file is read. Nothing blocks: a thread that waits for a writer
 * would keep the process from its end.
 */
export const readPipe = (path: string): Stream.Stream<Uint8Array, PlatformError.PlatformError> => {
  const failed = (method: string) => (cause: unknown) =>
    PlatformError.systemError({ _tag: "Unknown", module: "FileSystem", method, pathOrDescriptor: path, cause })
  return Effect.try({
    try: () => new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), writable: false }),
    catch: failed("open")
  }).pipe(
    Effect.map((socket) => NodeStream.fromReadable({ evaluate: () => socket, onError: failed("read") })),
    Stream.unwrap
  )
}
