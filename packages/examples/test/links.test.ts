import { assert, describe, it } from "@effect/vitest"
import { makeLinkReader } from "../src/linkcheck/links.ts"

const page = new URL("http://site.test/dir/page.html?q=1#here")

const read = (
  body: string | Uint8Array,
  options?: Parameters<typeof makeLinkReader>[1],
  chunk = Number.MAX_SAFE_INTEGER
) => {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body
  const reader = makeLinkReader(page, options)
  for (let at = 0; at < bytes.length; at += chunk) reader.write(bytes.subarray(at, at + chunk))
  const { malformed, urls } = reader.end()
  return { malformed: [...malformed], urls: [...urls] }
}

const urls = (...args: Parameters<typeof read>) => read(...args).urls

describe("links of a page", () => {
  it("come from every element that refers to something", () => {
    const found = urls(`
      <link rel="stylesheet" href="/link"><script src="/script"></script><a href="/a"></a>
      <map><area href="/area"></map><img src="/img" srcset="/img-1 1x, /img-2 2x"><iframe src="/iframe"></iframe>
      <picture><source srcset="/source-1 100w, /source-2 200w"></picture><embed src="/embed"><object data="/object"></object>
      <video src="/video" poster="/poster"><track src="/track"></video><audio src="/audio"></audio>
      <input type="image" src="/input"><svg><use href="/use"/><image xlink:href="/image"/></svg>
      <link rel="preload" as="image" imagesrcset="/preload-1 1x">`)
    const paths =
      "link script a area img img-1 img-2 iframe source-1 source-2 embed object video poster track audio input use image preload-1"
    assert.deepStrictEqual(found, paths.split(" ").map((path) => `http://site.test/${path}`))
  })

  it("are absolute, without fragment, and each is there once", () => {
    assert.deepStrictEqual(
      urls("<a href=other#x><a href='other'><a href=../up><a href=//else.test/x><a href=?q=2><a href='#y'>"),
      [
        "http://site.test/dir/other",
        "http://site.test/up",
        "http://else.test/x",
        "http://site.test/dir/page.html?q=2",
        "http://site.test/dir/page.html?q=1"
      ]
    )
  })

  it("are read as a browser reads them: case, quotes, entities, white space", () => {
    assert.deepStrictEqual(urls(`<A HREF=a><a href='b'><a href="/?x=1&amp;y=2&copy=3"><a href=" \n/c d ">`), [
      "http://site.test/dir/a",
      "http://site.test/dir/b",
      "http://site.test/?x=1&y=2&copy=3",
      "http://site.test/c%20d"
    ])
  })

  it("are relative to the first base of the page, wherever it stands", () => {
    assert.deepStrictEqual(urls("<a href=a><base target=_top><base href=/base/><base href=/not/>"), [
      "http://site.test/base/a"
    ])
    assert.deepStrictEqual(urls("<base href='data:text/html,'><a href=a>"), ["http://site.test/dir/a"])
  })

  it("leave out what is no link: comments, scripts, raw text, other schemes, hints", () => {
    assert.deepStrictEqual(
      read(`<!-- <a href=/1> --><script>"<a href=/2>"</script><textarea><a href=/3></textarea><title><a href=/4></title>
        <style><a href=/5></style><a href="mailto:a@b.test"><a href="tel:1"><a href="javascript:f()"><img src="data:,x">
        <a name=x><link rel="DNS-prefetch" href="//dns.test"><link rel="preconnect" href="//pre.test"><a href="/unclosed`),
      { malformed: [], urls: [] }
    )
  })

  it("that are no URLs are kept as they are written", () => {
    assert.deepStrictEqual(read("<a href='http://[::1'><a href='https://host:99999/'><a href=fine>"), {
      malformed: ["http://[::1", "https://host:99999/"],
      urls: ["http://site.test/dir/fine"]
    })
  })

  it("in srcset end at white space, and may contain commas", () => {
    assert.deepStrictEqual(urls("<img srcset=' ,/a,b.png 1x,/c.png (odd, x) 2x, /d.png, data:,x 3x,/e.png'>"), [
      "http://site.test/a,b.png",
      "http://site.test/c.png",
      "http://site.test/d.png",
      "http://site.test/e.png"
    ])
  })

  it("in a refresh follow the seconds", () => {
    const refresh = (content: string) => urls(`<meta http-equiv=REFRESH content="${content}">`)
    assert.deepStrictEqual(refresh("0; url=/next"), ["http://site.test/next"])
    assert.deepStrictEqual(refresh("5;URL='/next'"), ["http://site.test/next"])
    assert.deepStrictEqual(refresh("1.5 , /next"), ["http://site.test/next"])
    assert.deepStrictEqual(refresh("30"), [])
  })

  it("are found in XHTML, where an empty script does not swallow the page", () => {
    assert.deepStrictEqual(urls("<script src='s'/><a href='a'/>", { xml: true }), [
      "http://site.test/dir/s",
      "http://site.test/dir/a"
    ])
  })

  it("are the same however the page comes in pieces", () => {
    const text = `<meta charset=shift_jis>${
      "<p>filler</p>".repeat(100)
    }<a href="/日本?a=1&amp;b=2"><img srcset="/x 1x, /y 2x">`
    const bytes = Buffer.concat(
      text.split("日本").flatMap((part, index) =>
        index === 0 ? [Buffer.from(part)] : [Buffer.from([0x93, 0xfa, 0x96, 0x7b]), Buffer.from(part)]
      )
    )
    const expected = ["http://site.test/%E6%97%A5%E6%9C%AC?a=1&b=2", "http://site.test/x", "http://site.test/y"]
    for (const chunk of [1, 7, 1023, 1024, 1025, bytes.length]) assert.deepStrictEqual(urls(bytes, {}, chunk), expected)
  })
})

describe("the encoding of a page", () => {
  const link = (encoding: "utf8" | "latin1" | "utf16le", head = "") => Buffer.from(`${head}<a href="/é">`, encoding)
  const right = ["http://site.test/%C3%A9"]

  it("is UTF-8 when nothing declares it", () => {
    assert.deepStrictEqual(urls(link("utf8")), right)
  })

  it("is that of the Content-Type before that of a meta", () => {
    assert.deepStrictEqual(urls(link("latin1", "<meta charset=utf-8>"), { charset: "windows-1252" }), right)
  })

  it("is that of a meta, in both its forms", () => {
    assert.deepStrictEqual(urls(link("latin1", "<meta charset=ISO-8859-1>")), right)
    assert.deepStrictEqual(
      urls(link("latin1", "<meta http-equiv=content-type content='text/html; charset=latin1'>")),
      right
    )
  })

  it("is that of a byte order mark before all else", () => {
    assert.deepStrictEqual(urls(link("utf16le", "\ufeff"), { charset: "utf-8" }), right)
    assert.deepStrictEqual(urls(link("utf8", "\ufeff"), { charset: "windows-1252" }), right)
    assert.deepStrictEqual(urls(link("utf16le", "\ufeff").swap16()), right)
  })

  it("is not UTF-16 when a meta in ASCII says so, and nothing unknown", () => {
    assert.deepStrictEqual(urls(link("utf8", "<meta charset=utf-16le>")), right)
    assert.deepStrictEqual(urls(link("utf8", "<meta charset=no-such-thing>")), right)
  })
})
