/**
 * Bytes as text and compressed, by what every runtime has.
 */
import { Effect } from "effect"

/** The bytes of base64; undefined if it isn't base64. */
export const fromBase64 = (text: string): Uint8Array<ArrayBuffer> | undefined => {
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
  } catch {
    return undefined
  }
}

type Through = { readonly readable: ReadableStream; readonly writable: WritableStream }

const through = (bytes: Uint8Array<ArrayBuffer>, transform: Through) =>
  Effect.promise(async () =>
    new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(transform)).arrayBuffer())
  )

export const gzip = (bytes: Uint8Array<ArrayBuffer>) => through(bytes, new CompressionStream("gzip"))

export const gunzip = (bytes: Uint8Array<ArrayBuffer>) => through(bytes, new DecompressionStream("gzip"))
