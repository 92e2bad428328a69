/** Examples as processes of their own: the list of their names, and how those that go on end. */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { existsSync } from "node:fs"
import { connect } from "node:net"
import { printedBy, runProcess, startExample } from "./example.ts"
import { live } from "./live.ts"
import { linksTo, respond, serve, serveNever } from "./raw-server.ts"

const fetched = (url: string, init?: RequestInit) =>
  Effect.promise(() => fetch(url, init).then((response) => response.text()))

const helloAt = (address: string) =>
  Effect.callback<string>((resume) => {
    const { hostname, port } = new URL(`tcp://${address}`)
    const socket = connect(Number(port), hostname, () => socket.write("hello")).setEncoding("latin1")
    socket.on("error", () => {}).once("data", (text: unknown) => resume(Effect.succeed(String(text))))
  })

/** Each server, its arguments, and what shows that it serves at an address. */
const servers = [
  ["echo --size 1", helloAt, /^hello$/],
  ["tenants --port 0", (address: string) => fetched(address, { headers: { "x-tenant": "me" } }), /^10 rows$/],
  ["metrics --port 0", (address: string) => fetched(`${address}/metrics`), /outcome="success"} [1-9]/]
] as const

describe("the examples, as processes", { timeout: 60_000, concurrent: true }, () => {
  live("are listed without a name and for --help, with source files that exist", function*() {
    const [bare, help] = yield* Effect.all([runProcess(), runProcess("--help")], { concurrency: 2 })
    assert.deepInclude(bare, { code: 0, stderr: "" })
    assert.deepStrictEqual(bare, help)
    const lines = [...bare.stdout.matchAll(/^ {2}(\S+) +(src\/\S+) +\S/gm)]
    assert.includeMembers(lines.map(([, name]) => name), ["linkcheck", "overload", "farm", "producer-consumer"])
    for (const [, , file] of lines) assert.isTrue(existsSync(new URL(`../${file}`, import.meta.url)), file)
    const stderr = `There is no example "nothing". See pnpm example --help.\n`
    assert.deepStrictEqual(yield* runProcess("nothing"), { code: 1, stdout: "", stderr })
  })

  for (const [args, use, shows] of servers) {
    live(`serve until Ctrl-C: ${args}`, function*() {
      const { end, said } = yield* startExample(...args.split(" "))
      const [, address = ""] = yield* said(/^listening on (\S+\d)/)
      yield* Effect.repeat(use(address), { until: (text) => shows.test(text) })
      assert.deepInclude(yield* end("SIGINT"), { code: 130, stderr: "" })
    })
  }

  live("serve until Ctrl-C, whatever is asked for then: feedscraper", function*() {
    const feed = respond("200 OK", `{"version":"https://jsonfeed.org/version/1.1","title":"Cherries","items":[]}`)
    const { asked, origin } = yield* serveNever({ "/json": feed })
    const { end, said } = yield* startExample("feedscraper", "--size", "2")
    const [, address = ""] = yield* said(/^listening on (\S+);/)
    const titles = (path: string) => fetched(address, { method: "POST", body: origin + path })
    assert.strictEqual(yield* titles("/json"), "Cherries\n")
    yield* Effect.forkChild(Effect.exit(titles("/never")))
    yield* asked
    assert.deepInclude(yield* end("SIGINT"), { code: 130, stderr: "" })
  })

  const crawlers = [
    ["recursive-crawler", ["/"], /: 1 link\n/],
    ["producer-consumer", ["/"], /^/],
    ["webcrawler", ["/", "/never"], /: 17 bytes\n/]
  ] as const
  for (const [name, paths, prints] of crawlers) {
    live(`end on Ctrl-C while they fetch: ${name}`, function*() {
      const { asked, origin } = yield* serveNever({ "/": linksTo("/never") })
      const { end, said } = yield* startExample(name, ...paths.map((path) => origin + path))
      yield* asked
      yield* said(prints)
      assert.deepInclude(yield* end("SIGINT"), { code: 130, stderr: "" })
    })
  }

  live("end quietly, as at a broken pipe, when nobody reads their lines any more: webcrawler", function*() {
    const { origin } = yield* serve({ "/": respond("200 OK", "page"), "/never": () => {} })
    const pages = Array.from({ length: 20 }, () => `${origin}/`)
    const { child, ended } = yield* startExample("webcrawler", ...pages, `${origin}/never`)
    child.stdout.destroy()
    assert.deepInclude(yield* ended, { code: 141, stderr: "" })
  })
})

describe("examples of several processes", { timeout: 60_000, concurrent: true }, () => {
  live("cluster: three processes use one budget, and two use all of it when the third is killed", function*() {
    const [before, after] = (yield* printedBy("cluster", "--seconds", "2", "--size", "6")).split(
      "Process three is killed\n"
    )
    assert.match(before!, /one #+ +two #+ +three #+ +\d of 6\n/)
    assert.match(after!, /one #+ +two #+ +three killed +6 of 6\n/)
  })

  live("cluster: ends with its processes on Ctrl-C", function*() {
    const { end, said } = yield* startExample("cluster", "--seconds", "60")
    yield* said(/ of 12/)
    assert.deepInclude(yield* end("SIGINT"), { code: 130, stderr: "" })
  })

  live("thumbnails: a process that is killed half way is followed by one that makes the rest", function*() {
    const stdout = yield* printedBy("thumbnails", "--images", "40")
    const end =
      /^Killed after 20 of 40 thumbnails\nThe next process returned all 40: (\d+) that were there, (\d+) new ones\n$/
    const [, there, missing] = end.exec(stdout) ?? assert.fail(stdout)
    assert.strictEqual(Number(there) + Number(missing), 40)
    // Those in hand when it was killed may have been made.
    assert.isTrue(Number(there) >= 20 && Number(there) <= 20 + 8, there)
  })
})

// By itself, and again where the machine was busy with something else: the clients measure time.
describe("tenants", { timeout: 60_000, retry: 2 }, () => {
  live("runs by its name, with clients of its own", function*() {
    const stdout = yield* printedBy("tenants", "--seconds", "5")
    assert.match(stdout, /^flood +100 +\d+\/s +[1-9]\d* +\d+ ms$/m)
    assert.match(stdout, /^one +1 +[1-9]\d*\/s +0 +\d+ ms$/m)
    assert.match(stdout, /^two +2 +[1-9]\d*\/s +0 +\d+ ms$/m)
  })
})
