import { assert, describe } from "@effect/vitest"
import { Schema } from "effect"
import { Report } from "../../src/linkcheck/report.ts"
import { printedBy, runExample } from "../example.ts"
import { live } from "../live.ts"
import { respond, serve } from "../raw-server.ts"
import { urlsOf } from "./crawling.ts"

const run = (...args: ReadonlyArray<string>) => runExample("linkcheck", ...args)

const decode = Schema.decodeEffect(Schema.fromJsonString(Report))

const pages = (content: Readonly<Record<string, string>>) =>
  serve(Object.fromEntries(Object.entries(content).map(([path, body]) => [path, respond("200 OK", body)])))

describe("linkcheck", { concurrent: true, timeout: 60_000 }, () => {
  live("ends with 0 when all links work, and prints nothing but the report when it is quiet", function*() {
    const { origin } = yield* pages({ "/": "<a href=/a>", "/a": "fine" })
    const stdout = yield* printedBy("linkcheck", origin, "--quiet")
    assert.match(stdout, /^2 links on 2 pages: 2 ok, 0 broken; 15 B, .* s\n$/)
  })

  live("ends with 1 when a link is broken, and prints JSON by the schema when asked for", function*() {
    const { origin } = yield* pages({ "/": "<a href=/a><a href=/b>", "/a": "<a href=/b>" })
    const { code, stdout } = yield* run(origin, "--json", "--size", "1")
    const report = yield* decode(stdout)
    assert.deepInclude(report.broken[0], { url: `${origin}/b`, status: 404, pages: [`${origin}/`, `${origin}/a`] })
    assert.deepStrictEqual([report.ok.length, report.broken.length, report.complete, code], [2, 1, true, 1])
  })

  live("says in its JSON how it was made, without what may be secret", function*() {
    const { origin } = yield* pages({ "/": "<a href=/a><a href='/b#x'>", "/b": "" })
    const args = "--json --quiet --skip /a$ --skip nothing --user-agent Me/1 --insecure --max-wait 2s --timeout 5 " +
      "--retries 0 --max-pages 9 --size 3 --adaptive"
    const stdout = yield* printedBy("linkcheck", origin, ...args.split(" "), "--header", "X-Token: secret")
    const { fragments, options, skipped } = yield* decode(stdout)
    const limits = { size: 3, adaptive: true, maxPages: 9, timeout: 5000, retries: 0, maxWait: 2000 }
    assert.deepInclude(options, { ...limits, skip: ["/a$", "nothing"] })
    assert.deepInclude(options, { headers: ["x-token"], userAgent: "Me/1", insecure: true, fragments: false })
    assert.notInclude(stdout, "secret")
    assert.deepStrictEqual(urlsOf(skipped), [`${origin}/a`])
    assert.deepStrictEqual(fragments, [{ url: `${origin}/b#x`, pages: [`${origin}/`] }])
    // A place that is missing is a reason to fail only for those that say so.
    assert.strictEqual((yield* run(origin, "--quiet", "--skip", "/a$", "--fragments")).code, 1)
  })

  const wrong = {
    "example.com": "Invalid value for argument <URL>: \"example.com\". Expected an http or https URL",
    "http://a.test http://b.test": "Unexpected positional argument",
    "--size 0": "Invalid value for flag --size: \"0\". Expected an integer of at least 1",
    "--size many": "Invalid value for flag --size: \"many\"",
    "--max-pages 0": "Expected an integer of at least 1",
    "--retries -1": "Expected an integer of at least 0",
    "--timeout soon": "Expected a duration of more than 0, such as 10, 500ms or 1m",
    "--depth 3": "Unrecognized flag: --depth",
    "--max-wait never": "Expected a duration of more than 0",
    "--skip (": "Expected a regular expression",
    "--header Cookie": "Expected a header, such as",
    "--header Bad@Name:x": "Expected a header, such as",
    "--user-agent \u00e9": "Expected printable ASCII"
  }
  live("ends with 2 and says why, where its arguments are wrong", function*() {
    for (const [args, says] of Object.entries(wrong)) {
      const { code, stderr, stdout } = yield* run(...args.split(" "))
      assert.include(stderr, says, args)
      assert.match(stderr, /^.+\nSee linkcheck --help\.\n$/)
      assert.deepStrictEqual({ code, stdout }, { code: 2, stdout: "" }, args)
    }
  })

  live("ends with 2 and says why when a site cannot be reached", function*() {
    const refused = yield* run("http://127.0.0.1:1/", "--retries", "0")
    const says = "cannot check http://127.0.0.1:1/: connect ECONNREFUSED 127.0.0.1:1\n"
    assert.strictEqual(refused.stderr.replace(/^\[.*\n/gm, ""), says)
    assert.deepInclude(refused, { code: 2, stdout: "" })
    const unknown = yield* run("http://no-such-host.invalid/", "--retries", "0")
    assert.include(unknown.stderr, "cannot check http://no-such-host.invalid/: ")
    assert.strictEqual(unknown.code, 2)
  })
})
