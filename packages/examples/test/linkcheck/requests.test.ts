import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { createServer as createSecureServer } from "node:https"
import { live } from "../live.ts"
import { listen } from "../raw-server.ts"
import { check, urlsOf } from "./crawling.ts"
import { cert, key } from "./self-signed.ts"

type Answer = (request: IncomingMessage & { readonly url: string }, response: ServerResponse) => unknown

/** A server whose robots.txt is missing, and which notes what it was asked. */
const serve = Effect.fnUntraced(function*(answer: Answer, host = "127.0.0.1") {
  const asked: Array<IncomingMessage> = []
  const server = createServer((request, response) => {
    if (request.url === "/robots.txt") return response.writeHead(404).end()
    asked.push(request)
    return answer(request as Parameters<Answer>[0], response)
  })
  return { origin: `http://${host}:${yield* listen(server)}`, asked }
})

const page = (response: ServerResponse, body = "", status = 200) =>
  response.writeHead(status, { "content-type": "text/html" }).end(body)

const redirect = (response: ServerResponse, location: string, ...cookies: Array<string>) =>
  response.writeHead(302, { location, ...(cookies.length > 0 ? { "set-cookie": cookies } : {}) }).end()

/** A server that has this start page, and other answers. */
const site = (start: string, answer: Answer = (_, response) => page(response)) =>
  serve((request, response) => request.url === "/" ? page(response, start) : answer(request, response))

describe("a request", { concurrent: true, timeout: 60_000 }, () => {
  live("asks for a URL exactly as it is written, but for what browsers change", function*() {
    const links = {
      "/q?flag": "/q?flag",
      "/q?a=%20b+c&amp;d=%2F&a=": "/q?a=%20b+c&d=%2F&a=",
      "/%zz/100%": "/%zz/100%",
      "/a b|c&quot;<>`{}^": "/a%20b|c%22%3C%3E%60%7B%7D%5E",
      "/caf\u00e9?\u00e9": "/caf%C3%A9?%C3%A9",
      "\\back\\slash": "/back/slash",
      "/x/./y/../z//": "/x/z//",
      "/tab\tnew\nline": "/tabnewline",
      "/dots/%2e%2e/up": "/up",
      "/semi;colon,comma'quote": "/semi;colon,comma'quote"
    }
    const { asked, origin } = yield* site(Object.keys(links).map((link) => `<a href="${link}">`).join(""))
    assert.deepStrictEqual((yield* check(origin)).broken, [])
    assert.sameMembers(asked.map(({ url }) => url ?? ""), ["/", ...Object.values(links)])
  })

  live("brings its headers to the site, also to robots.txt and after redirects, and nowhere else", function*() {
    const other = yield* serve((_, response) => page(response))
    const site = yield* serve(({ headers, url }, response) => {
      if (headers["x-token"] !== "abc") return page(response, "", 403)
      return page(response, url === "/" ? `<a href="/a"><a href="${other.origin}/b">` : "")
    })
    const door = yield* serve((_, response) => redirect(response, `${site.origin}/`))
    const options = { headers: { "x-token": "abc" }, userAgent: "Tester/1.0" }
    assert.deepStrictEqual((yield* check(door.origin, options)).broken, [])
    const sent = [site, door, other].map(({ asked }) =>
      asked.map(({ headers }) => `${headers["x-token"]} ${headers["user-agent"]}`)
    )
    const [own, foreign] = ["abc Tester/1.0", "undefined Tester/1.0"]
    assert.deepStrictEqual(sent, [[own, own], [own], [foreign]])
  })

  live("brings the password in the URL of the start to all of the site, and one in a link there", function*() {
    const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`
    const other = yield* serve(({ headers, url }, response) =>
      page(response, "", headers.authorization === basic("n\u00e4me:pa:ss%") || url === "/open" ? 200 : 401)
    )
    const secret = other.origin.replace("//", "//n%C3%A4me:pa:ss%@")
    const links = `<a href="/a"><a href="${secret}/b"><a href="${other.origin}/open">`
    const site = yield* serve(({ headers, url }, response) => {
      const isKnown = headers.authorization === basic("me:secret")
      return page(response, url === "/" ? links : "", isKnown ? 200 : 401)
    })
    const report = yield* check(site.origin.replace("//", "//me:secret@"))
    assert.deepStrictEqual([report.broken, report.ok.length], [[], 4])
    assert.notInclude(JSON.stringify(report), "secret")
    const open = other.asked.filter(({ url }) => url === "/open")
    assert.deepStrictEqual(open.map(({ headers }) => headers.authorization), [undefined])
  })

  live("accepts a certificate that can't be verified only if it is told to", function*() {
    const server = createSecureServer(
      { key, cert },
      ({ url }, response) => page(response, "", url === "/robots.txt" ? 404 : 200)
    )
    const origin = `https://127.0.0.1:${yield* listen(server)}`
    assert.include((yield* Effect.flip(check(origin, { retries: 0 }))).message, "self-signed certificate")
    assert.deepStrictEqual(urlsOf((yield* check(origin, { insecure: true })).ok), [`${origin}/`])
  })

  live("isn't made for what is to be skipped, nor for where a redirect leads that is", function*() {
    const links = "<a href=/private/a><a href=/to-private><a href=/c><a href='http://[private'>"
    const { asked, origin } = yield* site(links, (_, response) => redirect(response, "/private/b"))
    const { broken, ok, skipped } = yield* check(origin, { skip: [/\/c$/, /private\/|\[private/] })
    assert.deepStrictEqual([broken, urlsOf(ok)], [[], [`${origin}/`]])
    const paths = ["/c", "/private/a", "/to-private"].map((path) => origin + path)
    assert.deepStrictEqual(urlsOf(skipped), [...paths, "http://[private"])
    assert.deepStrictEqual(asked.map(({ url }) => url), ["/", "/to-private"])
  })
})

describe("a redirect", { concurrent: true, timeout: 60_000 }, () => {
  live("in a circle is followed with the cookies that it sets, as browsers do, also elsewhere", function*() {
    const wall: Answer = ({ headers, url }, response) => {
      const cookie = headers.cookie ?? ""
      if (url === "/set") {
        return redirect(response, "/wall", ...cookie.includes("first=1") ? ["seen=a%20b; Path=/"] : [])
      }
      return cookie.includes("seen=a%20b") ? page(response) : redirect(response, "/set", "first=1; HttpOnly")
    }
    const other = yield* site("", wall)
    const home = yield* site(`<a href=/wall><a href="${other.origin}/wall">`, wall)
    const { broken, redirected } = yield* check(home.origin)
    assert.deepStrictEqual(broken, [])
    for (const { origin } of [home, other]) {
      const walk = ["/wall", "/set", "/wall"].map((path) => origin + path)
      assert.deepInclude(redirected.map(({ redirects, url }) => [url, ...redirects]), walk)
    }
  })

  live("keeps a cookie from other hosts, and gives up one that never ends", function*() {
    const thief = yield* serve((_, response) => page(response, "", 404), "localhost")
    const { origin } = yield* site("<a href=/to-thief><a href=/turn>", ({ url }, response) =>
      url === "/turn"
        ? redirect(response, "/turn", "a=1")
        : redirect(response, `${thief.origin}/`, "secret=1", "wide=1; Domain=localhost"))
    const { broken } = yield* check(origin)
    assert.deepStrictEqual(broken.map(({ reason }) => reason), ["Status", "TooManyRedirects"])
    assert.deepStrictEqual(thief.asked.map(({ headers }) => headers.cookie), [undefined, undefined, undefined])
  })

  live("may be relative, have a fragment, and lead to a mail program", function*() {
    const mail = "mailto:nobody@example.com"
    const targets: Readonly<Record<string, string>> = { "/dir/a": "b?x", "/dir/b?x": "../c#there", "/mail": mail }
    const links = "<a href=/dir/a#here><a href=/mail><a href=/scheme>"
    const { origin } = yield* site(links, ({ headers, url }, response) => {
      const target = url === "/scheme" ? `//${headers.host}/c` : targets[url]
      return target === undefined ? page(response, "<p id=here>") : redirect(response, target)
    })
    const { broken, fragments, redirected } = yield* check(origin)
    assert.deepStrictEqual(broken, [])
    const walks = redirected.map(({ redirects, url }) => [url, ...redirects].map((at) => at.replace(origin, "")))
    assert.deepStrictEqual(walks, [["/dir/a", "/dir/b?x", "/c"], ["/mail", mail], ["/scheme", "/c"]])
    // The redirect's own place counts, which the page doesn't have.
    assert.deepStrictEqual(urlsOf(fragments), [`${origin}/dir/a#here`])
  })
})
