import { Effect } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { serve } from "../gallery/serve.ts"

/** The pages of the site, each with what it links to. One link leads nowhere. */
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
