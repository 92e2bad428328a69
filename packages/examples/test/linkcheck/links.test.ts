import { assert, describe, it } from "@effect/vitest"
import { cssLinks } from "../../src/linkcheck/css.ts"
import { hasPlace, makeLinkReader, placeOf } from "../../src/linkcheck/links.ts"

const page = new URL("http://site.test/dir/page.html?q=1#here")

const read = (body: string | Uint8Array, options?: Parameters<typeof makeLinkReader>[1], chunk = Infinity) => {
  const bytes = Buffer.from(body as string)
  const reader = makeLinkReader(page, options)
  for (let at = 0; at < bytes.length; at += chunk) reader.write(bytes.subarray(at, at + chunk))
  const { fragments, malformed, places, urls } = reader.end()
  return { fragments: [...fragments], malformed: [...malformed], places, urls: [...urls] }
}

/** The links of a page with a space after each, without the origin of the page. */
const links = (...args: Parameters<typeof read>) =>
  read(...args).urls.map((url) => url.replace("http://site.test/", "/")).join(" ")

describe("links of a page", () => {
  const pages: Readonly<Record<string, readonly [page: string, links: string]>> = {
    "come from every element that refers to something": [
      `<link rel="stylesheet" href="/link"><script src="/script"></script><a href="/a"></a>
      <map><area href="/area"></map><img src="/img" srcset="/img-1 1x, /img-2 2x"><iframe src="/iframe"></iframe>
      <picture><source srcset="/source-1 100w, /source-2 200w"></picture><embed src="/embed"><object data="/object"></object>
      <video src="/video" poster="/poster"><track src="/track"></video><audio src="/audio"></audio>
      <input type="image" src="/input"><svg><use href="/use"/><image xlink:href="/image"/></svg>
      <link rel="preload" as="image" imagesrcset="/preload-1 1x">`,
      "/link /script /a /area /img /img-1 /img-2 /iframe /source-1 /source-2 /embed /object /video /poster /track " +
      "/audio /input /use /image /preload-1"
    ],
    "are absolute, without fragment, and each is there once": [
      "<a href=other#x><a href='other'><a href=../up><a href=//else.test/x><a href=?q=2><a href='#y'>",
      "/dir/other /up http://else.test/x /dir/page.html?q=2 /dir/page.html?q=1"
    ],
    "are read as a browser reads them: case, quotes, entities, white space": [
      `<A HREF=a><a href='b'><a href="/?x=1&amp;y=2&copy=3"><a href=" \n/c d ">`,
      "/dir/a /dir/b /?x=1&y=2&copy=3 /c%20d"
    ],
    "are relative to the first base of the page, wherever it stands": [
      "<a href=a><base target=_top><base href=/base/><base href=/not/>",
      "/base/a"
    ],
    "are not relative to a base that is none": ["<base href='data:text/html,'><a href=a>", "/dir/a"],
    "in srcset end at white space, and may contain commas": [
      "<img srcset=' ,/a,b.png 1x,/c.png (odd, x) 2x, /d.png, data:,x 3x,/e.png'>",
      "/a,b.png /c.png /d.png /e.png"
    ],
    "are what it shows of itself where it is linked to": [
      `<meta property="og:image" content="/1"><meta property="og:image:secure_url" content="/2">
      <meta name="twitter:image" content="/3"><meta property="og:video:url" content="/4"><meta property="og:url" content="/5">
      <meta property="og:image:alt" content="/no"><meta name="description" content="/no"><meta content="/no">`,
      "/1 /2 /3 /4 /5"
    ],
    "come from its styles, in elements and attributes": [
      `<style>a { background: url(/1) }</style>text url(/no)<p style="background: url(&quot;/2&quot;)">
      <style>b { background: url(3) }`,
      "/1 /2 /dir/3"
    ],
    "come from a link in a picture, and not from a template, which isn't a part of the page": [
      `<svg><a xlink:href="/1"></a></svg><template><a href="/{{no}}"></a><style>a { background: url(/no) }</style>
      <template><a href="/no"></a></template><a href="/no"></a></template><a href="/2"></a>
      <template shadowrootmode="open"><a href="/3"></a></template>`,
      "/1 /2 /3"
    ],
    "in a refresh follow the seconds": [
      `<meta http-equiv=REFRESH content="0; url=/1"><meta http-equiv=refresh content="5;URL='/2'">
      <meta http-equiv=refresh content="1.5 , /3"><meta http-equiv=refresh content="30">`,
      "/1 /2 /3"
    ],
    "to hosts in other scripts, and in capitals, are as browsers write them": [
      "<a href='//B\u00fccher.Example:80/'><a href='HTTP://\u4f8b\u3048.test'><a href='//exa\u00admple.test.'>",
      "http://xn--bcher-kva.example/ http://xn--r8jz45g.test/ http://example.test./"
    ]
  }
  it.each(Object.entries(pages))("%s", (_, [page, expected]) => assert.strictEqual(links(page), expected))

  it("leave out what is no link: comments, scripts, raw text, other schemes, hints", () => {
    const { malformed, urls } = read(
      `<!-- <a href=/1> --><script>"<a href=/2>"</script><textarea><a href=/3></textarea><title><a href=/4></title>
      <style><a href=/5></style><a href="mailto:a@b.test"><a href="tel:1"><a href="javascript:f()"><img src="data:,x">
      <a name=x><link rel="DNS-prefetch" href="//dns.test"><link rel="preconnect" href="//pre.test">
      <a href=" JavaScript:f()"><a href="java&#10;script:f()"><a href="MAILTO:a@b"><a href="sms:1"><a href="blob:x">
      <a href="about:blank"><a href="intent://x#Intent;end"><a href="whatsapp://send?text=x"><a href="file:///x">
      <a href="/unclosed`
    )
    assert.deepStrictEqual({ malformed, urls }, { malformed: [], urls: [] })
  })

  it("that are no URLs are kept as they are written", () => {
    const { malformed, urls } = read("<a href='http://[::1'><a href='https://host:99999/'><a href=fine>")
    assert.deepStrictEqual(malformed, ["http://[::1", "https://host:99999/"])
    assert.deepStrictEqual(urls, ["http://site.test/dir/fine"])
  })

  it("are found in XHTML, where an empty script does not swallow the page", () => {
    assert.strictEqual(links("<script src='s'/><a href='a'/>", { markup: "xhtml" }), "/dir/s /dir/a")
  })

  it("are the same however the page comes in pieces", () => {
    const filler = "<p>filler</p>".repeat(100)
    const begin = Buffer.from(`<meta charset=shift_jis>${filler}<a href="/`)
    const end = Buffer.from(`?a=1&amp;b=2"><img srcset="/x 1x, /y 2x">`)
    const bytes = Buffer.concat([begin, Buffer.from([0x93, 0xfa, 0x96, 0x7b]), end])
    for (const chunk of [1, 7, 1023, 1024, 1025, bytes.length]) {
      assert.strictEqual(links(bytes, {}, chunk), "/%E6%97%A5%E6%9C%AC?a=1&b=2 /x /y")
    }
  })
})

describe("a place in a page", () => {
  it("is what a fragment names, but for those of browsers and scripts", () => {
    const place = (fragment: string) => placeOf(new URL(`http://site.test/${fragment}`))
    assert.deepStrictEqual([place("#part"), place("#part:~:text=word")], ["part", "part"])
    const none = ["", "#", "#top", "#ToP", "#:~:text=a%20word", "#/route", "#!hashbang"]
    assert.deepStrictEqual(none.map(place), none.map(() => undefined))
  })

  it("is every id, and the name of an anchor, percent-encoded or not", () => {
    const { places } = read(
      `<h2 id="caf\u00e9">x</h2><a name=anchor></a><p name=no></p><svg><g id=G /></svg><i id="50%"></i>`
    )
    assert.deepStrictEqual([...places], ["caf\u00e9", "anchor", "G", "50%"])
    const has = ["caf%C3%A9", "50%", "g", "no"].map((place) => hasPlace(places, place))
    assert.deepStrictEqual(has, [true, true, false, false])
  })

  it("is kept of links that name one", () => {
    const { fragments } = read("<a href='#a'><a href='/b#c'><a href='/d#'><a href='/e#top'>")
    assert.deepStrictEqual(fragments, ["http://site.test/dir/page.html?q=1#a", "http://site.test/b#c"])
  })
})

describe("the links of a style sheet", () => {
  it("are its urls and imports, quoted or not, with what is escaped in them", () => {
    assert.deepStrictEqual(
      cssLinks(String.raw`@import "a.css"; @IMPORT 'b.css' screen; @import url(c.css);
        a { background: URL( d.png ), url("e (1).png"), url('f\'.png'); src: url(g.eot?#iefix) format("eot") }
        b { background: url(h\ i.png); cursor: url("\6a .cur") }`),
      ["a.css", "b.css", "c.css", "d.png", "e (1).png", "f'.png", "g.eot?#iefix", "h i.png", "j.cur"]
    )
  })

  it("aren't in comments, strings, namespaces, parts of the page, or nothing", () => {
    const none = `@charset "utf-8"; /* url(no) */ @namespace svg url(http://www.w3.org/2000/svg);
      a::before { content: "url(no)"; filter: url(#no) } b { background: url(); background: url("") } c { content: '/*' }`
    assert.deepStrictEqual(cssLinks(`${none} d { background: url(yes) } /* url(no)`), ["yes"])
  })

  it("are found in time in what is no style sheet", () => {
    const parts = ["url(", "url( ", "\"", "'a", "/*", "@import ", "\\", "@namespace", "url(\"a"]
    for (const text of [...parts.map((part) => part.repeat(100_000)), `url(${" ".repeat(1_000_000)}x y`]) {
      const began = performance.now()
      cssLinks(text)
      assert.isBelow(performance.now() - began, 2000, text.slice(0, 10))
    }
  })

  it("are read as its encoding says", () => {
    const sheet = Buffer.from("a { background: url(/\u00e9) }", "latin1")
    assert.strictEqual(links(sheet, { markup: "css", charset: "windows-1252" }), "/%C3%A9")
  })
})

describe("the encoding of a page", () => {
  const link = (encoding: "utf8" | "latin1" | "utf16le", head = "") => Buffer.from(`${head}<a href="/é">`, encoding)
  const older = "<meta http-equiv=content-type content='text/html; charset=latin1'>"

  const cases: Readonly<Record<string, readonly [page: Buffer, charset?: string]>> = {
    "UTF-8 when nothing declares it": [link("utf8")],
    "that of the Content-Type before that of a meta": [link("latin1", "<meta charset=utf-8>"), "windows-1252"],
    "that of a meta": [link("latin1", "<meta charset=ISO-8859-1>")],
    "that of a meta in its older form": [link("latin1", older)],
    "that of an XML declaration": [link("latin1", `<?xml version="1.0" encoding="ISO-8859-1"?>`)],
    "that of a byte order mark before all else": [link("utf8", "\ufeff"), "windows-1252"],
    "UTF-16, little-endian, by its byte order mark": [link("utf16le", "\ufeff"), "utf-8"],
    "UTF-16, big-endian, by its byte order mark": [link("utf16le", "\ufeff").swap16()],
    "not UTF-16 when a meta in ASCII says so": [link("utf8", "<meta charset=utf-16le>")],
    "nothing unknown": [link("utf8", "<meta charset=no-such-thing>"), "nothing-either"],
    "none that browsers refuse to decode": [link("utf8"), "iso-2022-kr"]
  }

  it.each(Object.entries(cases))(
    "is %s",
    (_, [page, charset]) => assert.strictEqual(links(page, { charset }), "/%C3%A9")
  )
})
