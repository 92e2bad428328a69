import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { createServer as createSecureServer } from "node:https"
import type { Server } from "node:net"
import { check } from "./crawling.ts"
import { cert, key } from "./self-signed.ts"

/** Starts a server on a free port of a host name for this machine. */
const listen = (server: Server, protocol = "http", host = "127.0.0.1") =>
  Effect.acquireRelease(
    Effect.callback<string>((resume) => {
      server.listen(0, () => {
        const address = server.address()
        resume(Effect.succeed(`${protocol}://${host}:${typeof address === "object" ? address?.port : ""}`))
      })
    }),
    () => Effect.callback<void>((resume) => void server.close(() => resume(Effect.void)))
  )

/** A server whose robots.txt is missing, and which notes what it was asked. */
const serve = (
  answer: (request: IncomingMessage, response: ServerResponse) => unknown,
  host?: string
): Effect.Effect<{ readonly origin: string; readonly asked: ReadonlyArray<IncomingMessage> }, never, Scope.Scope> => {
  const asked: Array<IncomingMessage> = []
  const server = createServer((request, response) => {
    if (request.url === "/robots.txt") return response.writeHead(404).end()
    asked.push(request)
    return answer(request, response)
  })
  return Effect.map(listen(server, "http", host), (origin) => ({ origin, asked }))
}

const page = (response: ServerResponse, body = "", status = 200) =>
  response.writeHead(status, { "content-type": "text/html" }).end(body)

describe("a request", { concurrent: true, timeout: 60_000 }, () => {
  it.live("asks for a URL exactly as it is written, but for what browsers change", () =>
    Effect.gen(function*() {
      const links = [
        ["/q?flag", "/q?flag"],
        ["/q?a=%20b+c&amp;d=%2F&a=", "/q?a=%20b+c&d=%2F&a="],
        ["/%zz/100%", "/%zz/100%"],
        ["/a b|c\"<>`{}^", "/a%20b|c%22%3C%3E%60%7B%7D%5E"],
        ["/caf\u00e9?\u00e9", "/caf%C3%A9?%C3%A9"],
        ["\\\\back\\slash".slice(1), "/back/slash"],
        ["/x/./y/../z//", "/x/z//"],
        ["/tab\tnew\nline", "/tabnewline"],
        ["/dots/%2e%2e/up", "/up"],
        ["/semi;colon,comma'quote", "/semi;colon,comma'quote"]
      ] as const
      const { asked, origin } = yield* serve(({ url }, response) =>
        page(
          response,
          url === "/" ? links.map(([link]) => `<a href="${link.replaceAll("\"", "&quot;")}">`).join("") : ""
        )
      )
      const { broken } = yield* check(origin)
      assert.deepStrictEqual(broken, [])
      assert.sameMembers(asked.map(({ url }) => url ?? ""), ["/", ...links.map(([, path]) => path)])
    }).pipe(Effect.scoped))

  it.live("goes to the host that a browser would go to: in small letters, without its default port", () =>
    Effect.gen(function*() {
      const { asked, origin } = yield* serve(
        ({ headers, url }, response) =>
          page(response, url === "/" ? `<a href="http://LocalHost:${headers.host?.split(":")[1]}/a">` : ""),
        "localhost"
      )
      const { ok } = yield* check(origin)
      assert.deepStrictEqual(ok.map(({ url }) => url), [`${origin}/`, `${origin}/a`])
      assert.strictEqual(asked.length, 2)
    }).pipe(Effect.scoped))

  it.live("brings its headers to the site, robots.txt and the end of its redirects included, and to nobody else", () =>
    Effect.gen(function*() {
      const other = yield* serve((_, response) => page(response))
      const site = yield* serve(({ headers, url }, response) => {
        if (headers["x-token"] !== "abc") return page(response, "", 403)
        return page(response, url === "/" ? `<a href="/a"><a href="${other.origin}/b">` : "")
      })
      const door = yield* serve((_, response) => response.writeHead(301, { location: `${site.origin}/` }).end())
      const { broken } = yield* check(door.origin, { headers: { "x-token": "abc" }, userAgent: "Tester/1.0" })
      assert.deepStrictEqual(broken, [])
      const sent = (requests: ReadonlyArray<IncomingMessage>) =>
        requests.map(({ headers }) => [headers["x-token"], headers["user-agent"]])
      assert.deepStrictEqual(sent(site.asked), [["abc", "Tester/1.0"], ["abc", "Tester/1.0"]])
      assert.deepStrictEqual(sent(door.asked), [["abc", "Tester/1.0"]])
      assert.deepStrictEqual(sent(other.asked), [[undefined, "Tester/1.0"]])
    }).pipe(Effect.scoped))

  it.live("brings the name and the password in the URL of the start to all of the site, and those in a link to that", () =>
    Effect.gen(function*() {
      const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`
      const other = yield* serve(({ headers, url }, response) =>
        page(response, "", headers.authorization === basic("n\u00e4me:pa:ss%") || url === "/open" ? 200 : 401)
      )
      const secret = other.origin.replace("//", "//n%C3%A4me:pa:ss%@")
      const links = `<a href="/a"><a href="${secret}/b"><a href="${other.origin}/open">`
      const site = yield* serve(({ headers, url }, response) =>
        headers.authorization === basic("me:secret")
          ? page(response, url === "/" ? links : "")
          : page(response, "", 401)
      )
      const report = yield* check(site.origin.replace("//", "//me:secret@"))
      assert.deepStrictEqual(report.broken, [])
      assert.strictEqual(report.ok.length, 4)
      assert.notInclude(JSON.stringify(report), "secret")
      const open = other.asked.filter(({ url }) => url === "/open")
      assert.deepStrictEqual(open.map(({ headers }) => headers.authorization), [undefined])
    }).pipe(Effect.scoped))

  it.live("accepts a certificate that can't be verified only if it is told to", () =>
    Effect.gen(function*() {
      const server = createSecureServer({ key, cert }, (request, response) =>
        page(response, "", request.url === "/robots.txt" ? 404 : 200))
      const origin = yield* listen(server, "https")
      const error = yield* Effect.flip(check(origin, { retries: 0 }))
      assert.include(error.message, "self-signed certificate")
      const { ok } = yield* check(origin, { insecure: true })
      assert.deepStrictEqual(
        ok.map(({ url }) =>
          url
        ),
        [`${origin}/`]
      )
    }).pipe(Effect.scoped))

  it.live("isn't made for what is to be skipped, nor for where a redirect leads that is", () =>
    Effect.gen(function*() {
      const site = yield* serve(({ url }, response) =>
        url === "/to-private"
          ? response.writeHead(302, { location: "/private/b" }).end()
          : page(
            response,
            url === "/" ? "<a href=/private/a><a href=/to-private><a href=/c><a href='http://[private'>" : ""
          )
      )
      const { broken, ok, skipped } = yield* check(site.origin, { skip: [/\/c$/, /private\/|\[private/] })
      assert.deepStrictEqual(broken, [])
      assert.deepStrictEqual(ok.map(({ url }) => url), [`${site.origin}/`])
      assert.deepStrictEqual(skipped.map(({ url }) => url), [
        `${site.origin}/c`,
        `${site.origin}/private/a`,
        `${site.origin}/to-private`,
        "http://[private"
      ])
      assert.deepStrictEqual(site.asked.map(({ url }) => url), ["/", "/to-private"])
    }).pipe(Effect.scoped))
})

describe("a redirect", { concurrent: true, timeout: 60_000 }, () => {
  const redirect = (response: ServerResponse, location: string, cookies: Array<string> = []) =>
    response.writeHead(302, { location, ...(cookies.length > 0 ? { "set-cookie": cookies } : {}) }).end()

  it.live("in a circle is followed with the cookies that it sets, as browsers do, by a link to elsewhere, too", () =>
    Effect.gen(function*() {
      let elsewhere = ""
      const wall = ({ headers, url = "" }: IncomingMessage, response: ServerResponse): unknown => {
        const cookie = headers.cookie ?? ""
        if (url === "/wall" && !cookie.includes("seen=a%20b")) return redirect(response, "/set", ["first=1; HttpOnly"])
        if (url === "/set") return redirect(response, "/wall", cookie.includes("first=1") ? ["seen=a%20b; Path=/"] : [])
        return page(response, url === "/" ? `<a href=/wall><a href="${elsewhere}/wall">` : "")
      }
      const other = yield* serve(wall)
      elsewhere = other.origin
      const site = yield* serve(wall)
      const { broken, redirected } = yield* check(site.origin)
      assert.deepStrictEqual(broken, [])
      for (const { origin } of [site, other]) {
        assert.deepInclude(redirected.map(({ redirects, url }) => [url, ...redirects]), [
          `${origin}/wall`,
          `${origin}/set`,
          `${origin}/wall`
        ])
      }
    }).pipe(Effect.scoped))

  it.live("keeps a cookie from other hosts, and gives up one that never ends", () =>
    Effect.gen(function*() {
      const thief = yield* serve((_, response) => page(response, "", 404), "localhost")
      const site = yield* serve(({ url }, response) =>
        url === "/to-thief"
          ? redirect(response, `${thief.origin}/`, ["secret=1", "wide=1; Domain=localhost"])
          : url?.startsWith("/turn") === true
          ? redirect(response, "/turn", ["a=1"])
          : page(response, "<a href=/to-thief><a href=/turn>")
      )
      const { broken } = yield* check(site.origin)
      assert.deepStrictEqual(broken.map(({ reason }) => reason), ["Status", "TooManyRedirects"])
      assert.deepStrictEqual(thief.asked.map(({ headers }) => headers.cookie), [undefined, undefined, undefined])
    }).pipe(Effect.scoped))

  it.live("may be relative, have a fragment, and lead to a mail program", () =>
    Effect.gen(function*() {
      const targets: Readonly<Record<string, string>> = {
        "/dir/a": "b?x",
        "/dir/b?x": "../c#there",
        "/mail": "mailto:nobody@example.com",
        "/scheme": "//"
      }
      const site = yield* serve(({ headers, url = "" }, response) => {
        const target = targets[url]
        if (target === undefined) {
          return page(response, url === "/" ? "<a href=/dir/a#here><a href=/mail><a href=/scheme>" : "<p id=here>")
        }
        return redirect(response, target === "//" ? `//${headers.host}/c` : target)
      })
      const { broken, fragments, redirected } = yield* check(site.origin)
      assert.deepStrictEqual(broken, [])
      assert.deepStrictEqual(
        redirected.map(({ redirects, url }) => [url, ...redirects].map((at) => at.replace(site.origin, ""))),
        [
          ["/dir/a", "/dir/b?x", "/c"],
          ["/mail", "mailto:nobody@example.com"],
          ["/scheme", "/c"]
        ]
      )
      // The redirect's own place counts, which the page doesn't have.
      assert.deepStrictEqual(fragments.map(({ url }) => url), [`${site.origin}/dir/a#here`])
    }).pipe(Effect.scoped))
})

describe("a style sheet of the site", () => {
  it.live("is read for links, relative to itself; one of another host isn't", () =>
    Effect.gen(function*() {
      const css = (response: ServerResponse, body: string) =>
        response.writeHead(200, { "content-type": "text/css" }).end(body)
      const other = yield* serve((_, response) => css(response, "a { background: url(missing.png) }"))
      const site = yield* serve(({ url }, response) =>
        url === "/"
          ? page(response, `<link rel=stylesheet href=/css/a.css><link rel=stylesheet href="${other.origin}/b.css">`)
          : url === "/css/a.css"
          ? css(response, "@import 'more.css'; a { background: url(../missing.png) }")
          : url === "/css/more.css"
          ? css(response, "")
          : page(response, "", 404)
      )
      const { broken, pagesRead } = yield* check(site.origin)
      assert.deepStrictEqual(broken.map(({ pages, url }) => [url, pages]), [
        [`${site.origin}/missing.png`, [`${site.origin}/css/a.css`]]
      ])
      assert.strictEqual(pagesRead, 3)
    }).pipe(Effect.scoped))
})
