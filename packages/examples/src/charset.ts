import { getEncoding } from "encoding-sniffer"
import { MIMEType, TextDecoder } from "node:util"

/** How many bytes of a page are searched for a `<meta>` that names its encoding, as in the HTML Standard. */
export const SNIFFED_BYTES = 1024

/** The media type of a `Content-Type` header and its `charset`; undefined where it has none or makes no sense. */
export const contentType = (header = ""): { readonly type?: string; readonly charset?: string } => {
  try {
    const { essence, params } = new MIMEType(header)
    return { type: essence, charset: params.get("charset") ?? "" }
  } catch {
    return {}
  }
}

/**
 * The decoder for a page or a feed, given its first bytes. It goes by the HTML Standard: byte order mark, `Content-Type`,
 * `<meta>`, XML declaration. What declares none is read as UTF-8.
 */
export const decoderOf = (start: Uint8Array, charset = ""): TextDecoder => {
  const encoding = getEncoding(start, { transportLayerEncodingLabel: charset, defaultEncoding: "utf-8" })
  // That of encodings which browsers refuse to decode.
  return new TextDecoder(encoding === "replacement" ? "utf-8" : encoding)
}
