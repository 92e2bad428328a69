import { Effect, Schema } from "effect"
import { HttpClient, HttpClientResponse, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Parser } from "htmlparser2"
import { serve } from "./serve.ts"

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

/** The pages of the embedded site, each with what it links to. One link leads nowhere. */
const site: ReadonlyMap<string, ReadonlyArray<string>> = new Map([
  ["/", ["/fruit", "/trees", "/about#top"]],
  ["/about", ["/", "mailto:nobody@example.com"]],
  ["/fruit", ["/", "/fruit/apple", "/fruit/pear", "/fruit/plum"]],
  ["/fruit/apple", ["/fruit", "/trees/apple"]],
  ["/fruit/pear", ["/fruit", "/trees/pear"]],
  ["/fruit/plum", ["/fruit", "/trees/plum"]],
  ["/trees", ["/", "/trees/apple", "/trees/pear", "/fruit"]],
  ["/trees/apple", ["/trees", "/fruit/apple"]],
  ["/trees/pear", ["/trees", "/fruit/pear", "#top"]]
])

/** Serves a small site on the loopback interface, for examples that are given no URL. */
export const startSite = Effect.gen(function*() {
  /** How often each path was requested. */
  const hits = new Map<string, number>()
  const page = Effect.map(HttpServerRequest.HttpServerRequest, ({ url }) => {
    hits.set(url, (hits.get(url) ?? 0) + 1)
    const links = site.get(url)
    if (links === undefined) return HttpServerResponse.empty({ status: 404 })
    return HttpServerResponse.text(
      `<!doctype html><title>${url}</title>${links.map((link) => `<a href="${link}">${link}</a>`).join(" ")}`,
      { contentType: "text/html; charset=utf-8" }
    )
  })
  const origin = yield* serve(HttpRouter.add("GET", "/*", page))
  return { start: `${origin}/`, urls: [...site.keys()].map((path) => origin + path), hits }
})
