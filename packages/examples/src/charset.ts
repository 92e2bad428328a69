import { Parser } from "htmlparser2"
import { MIMEType } from "node:util"

/** How many bytes of a page are searched for a `<meta>` that names its encoding, as in the HTML Standard. */
export const SNIFFED_BYTES = 1024

/** The media type of a `Content-Type` header and its `charset`, both lower-case; undefined where it has none or makes no sense. */
export const contentType = (header: string | undefined): { type: string | undefined; charset: string | undefined } => {
  try {
    const mime = new MIMEType(header ?? "")
    return { type: mime.essence, charset: encodingOf(mime.params.get("charset")) }
  } catch {
    return { type: undefined, charset: undefined }
  }
}

/**
 * The encoding of a page or a feed, by the precedence of the HTML Standard: byte order mark, `Content-Type`, `<meta>`,
 * XML declaration. What declares none is read as UTF-8.
 */
export const sniff = (start: Uint8Array, charset: string | undefined): string =>
  byteOrderMark(start) ?? charset ?? declared(start.subarray(0, SNIFFED_BYTES)) ?? "utf-8"

const byteOrderMark = ([a, b, c]: Uint8Array): string | undefined =>
  a === 0xef && b === 0xbb && c === 0xbf
    ? "utf-8"
    : a === 0xfe && b === 0xff
    ? "utf-16be"
    : a === 0xff && b === 0xfe
    ? "utf-16le"
    : undefined

const declared = (start: Uint8Array): string | undefined => {
  let found: string | undefined
  const parser = new Parser({
    onopentag(name, attributes) {
      if (name !== "meta" || found !== undefined) return
      const isContentType = attributes["http-equiv"]?.toLowerCase() === "content-type"
      found = encodingOf(attributes["charset"]) ??
        (isContentType ? contentType(attributes["content"]).charset : undefined)
    }
  })
  // Every encoding that can be named so shares ASCII with Latin-1.
  const text = new TextDecoder("latin1").decode(start)
  parser.end(text)
  found ??= encodingOf(/^<\?xml\s[^>]*?\bencoding\s*=\s*["']([^"'>]+)/.exec(text)?.[1])
  // The name was read as ASCII, so the page cannot be UTF-16, whatever it says (HTML Standard).
  return found?.startsWith("utf-16") ? "utf-8" : found
}

const encodingOf = (label: string | null | undefined): string | undefined => {
  if (label === null || label === undefined) return undefined
  try {
    const { encoding } = new TextDecoder(label)
    return encoding === "x-user-defined" ? "windows-1252" : encoding
  } catch {
    return undefined
  }
}
