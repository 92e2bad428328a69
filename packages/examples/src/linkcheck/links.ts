import { Parser } from "htmlparser2"
import type { TextDecoder } from "node:util"
import { decoderOf, SNIFFED_BYTES } from "../charset.ts"
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

/** A reader of one page or style sheet: it takes the bytes as they come and keeps only the links. */
export const makeLinkReader = (
  page: URL,
  { charset, markup = "html" }: { readonly charset?: string | undefined; readonly markup?: Markup } = {}
) => {
  const links: Array<string> = []
  const places = new Set<string>()
  let base: string | undefined
  // The text of the style sheet, or of the `<style>` that is open.
  let css: string | undefined = markup === "css" ? "" : undefined
  // What is in a template isn't a part of the page; one with a shadow root is.
  const templates: Array<boolean> = []
  const parser = new Parser({
    onopentag(name, attributes) {
      for (const place of placesOf(name, attributes)) places.add(place)
      if (name === "template") templates.push(attributes["shadowrootmode"] === undefined)
      if (name === "style") css = ""
      if (templates.includes(true)) return
      if (name === "base") base ??= attributes["href"]
      else links.push(...linksOf(name, attributes), ...cssLinks(attributes["style"] ?? ""))
    },
    ontext(text) {
      if (css !== undefined) css += text
    },
    onclosetag(name) {
      if (name === "template") templates.pop()
      if (name !== "style") return
      if (!templates.includes(true)) links.push(...cssLinks(css ?? ""))
      css = undefined
    }
  }, { xmlMode: markup === "xhtml" })

  let start = new Uint8Array(0)
  let decoder: TextDecoder | undefined
  const decode = (chunk: Uint8Array, stream = true) => {
    decoder ??= decoderOf(chunk, charset)
    const text = decoder.decode(chunk, { stream })
    if (markup === "css") css += text
    else parser.write(text)
  }
  return {
    write(chunk: Uint8Array): void {
      if (decoder !== undefined) return decode(chunk)
      start = Buffer.concat([start, chunk])
      if (start.length >= SNIFFED_BYTES) decode(start)
    },
    end(): Links {
      decode(decoder === undefined ? start : new Uint8Array(0), false)
      parser.end()
      if (markup === "css") links.push(...cssLinks(css ?? ""))
      const to = URL.parse(base ?? "", page.href)
      return { ...resolve(links, to !== null && isHttp(to) ? to : page), places }
    }
  }
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
  const { content = "", "http-equiv": pragma = "", property = attributes["name"] ?? "", rel = "" } = attributes
  if (name === "meta" && content !== "") {
    return /^refresh$/i.test(pragma) ? refresh(content) : PREVIEW.test(property) ? [content] : []
  }
  if (name === "link" && HINT.test(rel)) return []
  const links = REFERENCES.flatMap(([attribute, names]) => names.includes(name) ? attributes[attribute] ?? [] : [])
  return [...links, ...srcset(attributes[SRCSETS.get(name) ?? ""])]
}

/** `og:image` and the like: what others show of a page where it is linked to. */
const PREVIEW = /^(?:og:(?:image|video|audio)(?::(?:secure_)?url)?|og:url|twitter:image(?::src)?)$/i

/** `dns-prefetch` and `preconnect` name a host to talk to later, not a resource that has to be there. */
const HINT = /(?:^|\s)(?:dns-prefetch|preconnect)(?:\s|$)/i

/** The URLs of `srcset`: a URL runs to the next white space, its descriptors to the next comma outside parentheses. */
const srcset = (value = ""): ReadonlyArray<string> =>
  [...value.matchAll(/([^\s,](?:\S*[^\s,])?)(?:,+|(?:\([^)]*\)?|[^,(])*)/g)].flatMap(([, url]) => url ?? [])

/** The target of `<meta http-equiv="refresh" content="5; url=/next">`. */
const refresh = (content: string): ReadonlyArray<string> => {
  const target = /^\s*[\d.]+(?:\s*[;,]\s*|\s+)(?:url\s*=\s*)?(?:"([^"]*)"?|'([^']*)'?|(\S.*))/i.exec(content)
  return target?.slice(1).filter((url) => url !== undefined) ?? []
}
