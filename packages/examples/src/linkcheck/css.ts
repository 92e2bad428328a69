/**
 * What a style sheet refers to: `url(…)` and `@import "…"`. Comments, other strings and namespaces are no references,
 * and `url(#…)` is a part of the page that uses the sheet.
 */
export const cssLinks = (css: string): ReadonlyArray<string> =>
  [...css.matchAll(TOKEN)].flatMap((match) => {
    const link = match.slice(1).find((group) => group !== undefined)
    return link === undefined || link === "" || link.startsWith("#") ? [] : unescaped(link)
  })

const quoted = (group: string) => String.raw`"(${group}(?:\\[^]|[^"\\\n])*)"|'(${group}(?:\\[^]|[^'\\\n])*)'`

const TOKEN = new RegExp(
  [
    String.raw`\/\*[^]*?(?:\*\/|$)`,
    String.raw`@namespace[^;]*`,
    String.raw`@import\s*(?:${quoted("")})`,
    String.raw`\burl\(\s*(?:${quoted("")}|((?:\\[^]|[^\s"'()\\])+))\s*\)`,
    quoted("?:")
  ].join("|"),
  "gi"
)

/** A character may be written as `\26 `, its code, or with a backslash before it. */
const unescaped = (text: string): string =>
  text.replaceAll(
    /\\(?:([0-9a-f]{1,6})\s?|(\n)|([^]))/gi,
    (_, code?: string, newline?: string, char?: string) =>
      code === undefined
        ? newline === undefined ? char ?? "" : ""
        : String.fromCodePoint(Math.min(Number.parseInt(code, 16), 0x10ffff))
  )
