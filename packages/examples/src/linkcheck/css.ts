import * as Css from "@csstools/css-tokenizer"

/**
 * What a style sheet refers to: `url(…)` and `@import "…"`. Comments, other strings and namespaces are no references,
 * and `url(#…)` is a part of the page that uses the sheet.
 */
export const cssLinks = (css: string): ReadonlyArray<string> => {
  const links: Array<string> = []
  const { endOfFile, nextToken } = Css.tokenizer({ css })
  /** The name of the at-rule, up to its first `;` or block. */
  let rule = ""
  let before: Css.CSSToken | undefined
  while (!endOfFile()) {
    const token = nextToken()
    if (Css.isTokenWhiteSpaceOrComment(token)) continue
    if (Css.isTokenAtKeyword(token)) rule = token[4].value.toLowerCase()
    else if (Css.isTokenSemicolon(token) || Css.isTokenOpenCurly(token)) rule = ""
    const isQuoted = Css.isTokenString(token) &&
      (Css.isTokenFunction(before) ? /^url$/i.test(before[4].value) : Css.isTokenAtKeyword(before) && rule === "import")
    if (rule !== "namespace" && (isQuoted || Css.isTokenURL(token))) links.push(token[4].value)
    before = token
  }
  return links.filter((link) => link !== "" && !link.startsWith("#"))
}
