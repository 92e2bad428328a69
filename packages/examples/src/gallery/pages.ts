import { Effect, Schema } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { Parser } from "htmlparser2"

/** The first page could not be fetched, so there is nothing to follow. */
export class NoStartPage extends Schema.TaggedError<NoStartPage>()("NoStartPage", { url: Schema.String }) {
  override get message() {
    return `The start page cannot be fetched: ${this.url}`
  }
}

/** Reads a page, and returns its links to pages of the same origin, each once and without its fragment. */
export const readLinks = Effect.fnUntraced(function*(url: string) {
  const response = yield* HttpClient.get(url).pipe(Effect.flatMap(HttpClientResponse.filterStatusOk))
  const links = new Set<string>()
  if (!response.headers["content-type"]?.startsWith("text/html")) return links
  const parser = new Parser({
    onopentag(name, { href }) {
      const link = name === "a" && href !== undefined ? URL.parse(href, url) : null
      if (link === null || link.origin !== new URL(url).origin) return
      link.hash = ""
      links.add(link.href)
    }
  })
  parser.end(yield* response.text)
  return links
}, Effect.timeout("10 seconds"))
