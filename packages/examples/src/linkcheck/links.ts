import { Parser } from "htmlparser2"
import { TextDecoder } from "node:util"
import { sniff, SNIFFED_BYTES } from "../charset.ts"

/** What a page links to: absolute http(s) URLs without their fragments, and the links that are no URL at all as written. */
export interface Links {
  readonly urls: ReadonlySet<string>
  readonly malformed: ReadonlySet<string>
}

/** A reader of one page: it takes the bytes as they come and keeps only the links. */
export interface LinkReader {
  readonly write: (chunk: Uint8Array) => void
  readonly end: () => Links
}

/** The identity of a page: fragments name places within it. */
export const withoutFragment = (url: URL): string => {
  const page = new URL(url)
  page.hash = ""
  return page.href
}

export const makeLinkReader = (
  page: URL,
  options?: { readonly charset?: string | undefined; readonly xml?: boolean }
): LinkReader => {
  const written: Array<string> = []
  let base: string | undefined
  const parser = new Parser({
    onopentag(name, attributes) {
      if (name === "base") base ??= attributes["href"]
      else for (const link of linksOf(name, attributes)) written.push(link)
    }
  }, { xmlMode: options?.xml ?? false })

  let start = new Uint8Array(0)
  let decoder: TextDecoder | undefined
  const decode = (chunk: Uint8Array) => {
    decoder ??= new TextDecoder(sniff(chunk, options?.charset))
    parser.write(decoder.decode(chunk, { stream: true }))
  }

  return {
    write(chunk) {
      if (decoder !== undefined) return decode(chunk)
      start = Buffer.concat([start, chunk])
      if (start.length >= SNIFFED_BYTES) decode(start)
    },
    end() {
      if (decoder === undefined) decode(start)
      parser.end(decoder?.decode())
      return resolve(written, baseOf(base, page))
    }
  }
}

const baseOf = (base: string | undefined, page: URL): URL => {
  const url = base === undefined ? null : URL.parse(base, page.href)
  return url === null || !isHttp(url) ? page : url
}

const resolve = (written: ReadonlyArray<string>, base: URL): Links => {
  const urls = new Set<string>()
  const malformed = new Set<string>()
  for (const link of written) {
    const url = URL.parse(link, base.href)
    if (url === null) malformed.add(link)
    else if (isHttp(url)) urls.add(withoutFragment(url))
  }
  return { urls, malformed }
}

const isHttp = (url: URL): boolean => url.protocol === "http:" || url.protocol === "https:"

type Attributes = Readonly<Record<string, string>>

const linksOf = (name: string, attributes: Attributes): ReadonlyArray<string> => {
  switch (name) {
    case "a":
    case "area":
      return values(attributes, "href")
    case "link":
      return isHint(attributes) ? [] : [...values(attributes, "href"), ...srcset(attributes["imagesrcset"])]
    case "img":
    case "source":
      return [...values(attributes, "src"), ...srcset(attributes["srcset"])]
    case "video":
      return values(attributes, "src", "poster")
    case "script":
    case "iframe":
    case "frame":
    case "embed":
    case "audio":
    case "track":
    case "input":
      return values(attributes, "src")
    case "object":
      return values(attributes, "data")
    case "image":
    case "use":
      return values(attributes, "href", "xlink:href")
    case "meta":
      return attributes["http-equiv"]?.toLowerCase() === "refresh" ? refresh(attributes["content"]) : []
    default:
      return []
  }
}

const values = (attributes: Attributes, ...names: ReadonlyArray<string>): ReadonlyArray<string> =>
  names.flatMap((name) => attributes[name] ?? [])

/** `dns-prefetch` and `preconnect` name a host to talk to later, not a resource that has to be there. */
const isHint = (attributes: Attributes): boolean =>
  /(?:^|\s)(?:dns-prefetch|preconnect)(?:\s|$)/i.test(attributes["rel"] ?? "")

/** The URLs of `srcset`: a URL runs to the next white space, its descriptors to the next comma outside parentheses. */
const srcset = (value: string | undefined): ReadonlyArray<string> => {
  const urls: Array<string> = []
  let rest = (value ?? "").replace(/^[\s,]+/, "")
  while (rest !== "") {
    const [url = ""] = rest.split(/\s/, 1)
    urls.push(url.replace(/,+$/, ""))
    rest = rest.slice(url.length)
    if (!url.endsWith(",")) rest = rest.replace(/^(?:\([^)]*\)?|[^,(])*/, "")
    rest = rest.replace(/^[\s,]+/, "")
  }
  return urls
}

/** The target of `<meta http-equiv="refresh" content="5; url=/next">`. */
const refresh = (content: string | undefined): ReadonlyArray<string> => {
  const target = /^\s*[\d.]+\s*[;,\s]\s*(?:url\s*=\s*)?(?:"([^"]*)"?|'([^']*)'?|(\S.*))/i.exec(content ?? "")
  return target?.slice(1).filter((url) => url !== undefined) ?? []
}
