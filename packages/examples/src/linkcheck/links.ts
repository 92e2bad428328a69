import { Parser } from "htmlparser2"
import { TextDecoder } from "node:util"
import { sniff, SNIFFED_BYTES } from "../charset.ts"
import { cssLinks } from "./css.ts"

/** What a page or a style sheet links to, and the places in it that links may name. */
export interface Links {
  /** Absolute http(s) URLs, without their fragments. */
  readonly urls: ReadonlySet<string>
  /** Those of the links that name a place in their page, with their fragments. */
  readonly fragments: ReadonlySet<string>
  /** Links that aren't URLs at all, as written. */
  readonly malformed: ReadonlySet<string>
  /** Every `id`, and the `name` of every `<a>`. */
  readonly places: ReadonlySet<string>
}

/** A reader of one page: it takes the bytes as they come and keeps only the links. */
export interface LinkReader {
  readonly write: (chunk: Uint8Array) => void
  readonly end: () => Links
}

/** What is read for links. */
export type Markup = "html" | "xhtml" | "css"

/** The identity of a page: fragments name places within it. */
export const withoutFragment = (url: URL): string => {
  const page = new URL(url)
  page.hash = ""
  return page.href
}

/** A URL without `name:password@`, which isn't for others to see. */
export const withoutCredentials = (url: URL): URL => {
  const plain = new URL(url)
  plain.username = plain.password = ""
  return plain
}

/**
 * The place in its page that a URL names. None is named by the empty fragment and `#top`, by what follows `:~:`, which
 * is for the browser to search for, and by `#/` and `#!`, which are for a script of the page.
 */
export const placeOf = (url: URL): string | undefined => {
  const fragment = url.hash.slice(1).replace(/:~:.*/, "")
  return /^(?:top)?$|^[/!]/i.test(fragment) ? undefined : fragment
}

/** A link is written percent-encoded; an `id` may be, too. */
export const hasPlace = (places: ReadonlySet<string>, place: string): boolean =>
  places.has(place) || places.has(decodePercent(place))

/** What is no code of a byte is left as it is. */
export const decodePercent = (text: string): string =>
  text.replaceAll(/(?:%[\da-f]{2})+/gi, (codes) => Buffer.from(codes.replaceAll("%", ""), "hex").toString())

export const makeLinkReader = (
  page: URL,
  options?: { readonly charset?: string | undefined; readonly markup?: Markup }
): LinkReader => {
  const reader = options?.markup === "css" ? readCss() : readHtml(options?.markup === "xhtml")
  let start = new Uint8Array(0)
  let decoder: TextDecoder | undefined
  const decode = (chunk: Uint8Array) => {
    decoder ??= new TextDecoder(sniff(chunk, options?.charset))
    reader.write(decoder.decode(chunk, { stream: true }))
  }

  return {
    write(chunk) {
      if (decoder !== undefined) return decode(chunk)
      start = Buffer.concat([start, chunk])
      if (start.length >= SNIFFED_BYTES) decode(start)
    },
    end() {
      if (decoder === undefined) decode(start)
      const { base, links, places } = reader.end(decoder?.decode() ?? "")
      return { ...resolve(links, baseOf(base, page)), places }
    }
  }
}

/** The links of a text as written, and what they are relative to. */
interface Written {
  readonly links: ReadonlyArray<string>
  readonly base?: string | undefined
  readonly places: ReadonlySet<string>
}

interface TextReader {
  readonly write: (text: string) => void
  readonly end: (text: string) => Written
}

const readCss = (): TextReader => {
  let css = ""
  return {
    write: (text) => void (css += text),
    end: (text) => ({ links: cssLinks(css + text), places: new Set() })
  }
}

const readHtml = (xmlMode: boolean): TextReader => {
  const links: Array<string> = []
  const places = new Set<string>()
  let base: string | undefined
  let style: string | undefined
  // What is in a template isn't a part of the page; one with a shadow root is.
  const templates: Array<boolean> = []
  const parser = new Parser({
    onopentag(name, attributes) {
      for (const place of placesOf(name, attributes)) places.add(place)
      if (name === "template") templates.push(attributes["shadowrootmode"] === undefined)
      if (name === "style") style = ""
      if (templates.includes(true)) return
      if (name === "base") base ??= attributes["href"]
      else links.push(...linksOf(name, attributes), ...cssLinks(attributes["style"] ?? ""))
    },
    ontext(text) {
      if (style !== undefined) style += text
    },
    onclosetag(name) {
      if (name === "template") templates.pop()
      if (name !== "style") return
      if (!templates.includes(true)) links.push(...cssLinks(style ?? ""))
      style = undefined
    }
  }, { xmlMode })
  return {
    write: (text) => parser.write(text),
    end: (text) => {
      parser.end(text)
      return { links, base, places }
    }
  }
}

const baseOf = (base: string | undefined, page: URL): URL => {
  const url = base === undefined ? null : URL.parse(base, page.href)
  return url === null || !isHttp(url) ? page : url
}

const resolve = (links: ReadonlyArray<string>, base: URL): Omit<Links, "places"> => {
  const urls = new Set<string>()
  const fragments = new Set<string>()
  const malformed = new Set<string>()
  for (const link of links) {
    const url = URL.parse(link, base.href)
    if (url === null) malformed.add(link)
    else if (isHttp(url)) {
      urls.add(withoutFragment(url))
      if (placeOf(url) !== undefined) fragments.add(url.href)
    }
  }
  return { urls, fragments, malformed }
}

const isHttp = (url: URL): boolean => url.protocol === "http:" || url.protocol === "https:"

type Attributes = Readonly<Record<string, string>>

const placesOf = (name: string, { id, name: anchor }: Attributes): ReadonlyArray<string> =>
  [id, name === "a" ? anchor : undefined].filter((place) => place !== undefined)

/** By attribute, the elements in which it refers to something. */
const REFERENCES = Object.entries({
  "href": ["a", "area", "image", "link", "use"],
  "xlink:href": ["a", "image", "use"],
  "src": ["audio", "embed", "frame", "iframe", "img", "input", "script", "source", "track", "video"],
  "poster": ["video"],
  "data": ["object"]
})

const SRCSETS = new Map([["link", "imagesrcset"], ["img", "srcset"], ["source", "srcset"]])

const linksOf = (name: string, attributes: Attributes): ReadonlyArray<string> => {
  if (name === "meta") return metaLinks(attributes)
  if (name === "link" && isHint(attributes)) return []
  const links = REFERENCES.flatMap(([attribute, names]) => names.includes(name) ? attributes[attribute] ?? [] : [])
  return [...links, ...srcset(attributes[SRCSETS.get(name) ?? ""])]
}

const metaLinks = (attributes: Attributes): ReadonlyArray<string> =>
  attributes["http-equiv"]?.toLowerCase() === "refresh"
    ? refresh(attributes["content"])
    : isPreview(attributes)
    ? [attributes["content"] ?? []].flat()
    : []

/** `og:image` and the like: what others show of a page where it is linked to. */
const isPreview = ({ name, property = name }: Attributes): boolean =>
  /^(?:og:(?:image|video|audio)(?::(?:secure_)?url)?|og:url|twitter:image(?::src)?)$/i.test(property ?? "")

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
  const target = /^\s*[\d.]+(?:\s*[;,]\s*|\s+)(?:url\s*=\s*)?(?:"([^"]*)"?|'([^']*)'?|(\S.*))/i.exec(content ?? "")
  return target?.slice(1).filter((url) => url !== undefined) ?? []
}
