import robotsParser from "robots-parser"
import { USER_AGENT } from "./request.ts"

/** RFC 9309 asks for at least this much of a file to be read. */
export const ROBOTS_LIMIT = 500 * 1024

// The package is CommonJS and exports the function itself, where its types speak of a default export.
const parse = robotsParser as unknown as typeof robotsParser.default

/** What a robots.txt asks of this program. */
export const parseRobots = (origin: string, text: string) => {
  const robots = parse(`${origin}/robots.txt`, comparable(text))
  return {
    // The file itself is always allowed.
    allows: (url: string): boolean =>
      new URL(url).pathname === "/robots.txt" || (robots.isAllowed(comparable(url), USER_AGENT) ?? true),
    /** `Crawl-delay` in milliseconds: the time between the starts of two requests. */
    delay: Math.min(Math.max(0, robots.getCrawlDelay(USER_AGENT) ?? 0) * 1000, Number.MAX_SAFE_INTEGER)
  }
}

/** A letter, a digit, `-`, `.`, `_` and `~` are the same with and without percent-encoding. */
const comparable = (text: string): string =>
  text.replaceAll(/%(?:2[de]|3\d|[46][1-9a-f]|[57][\da]|5f|7e)/gi, (code) => decodeURIComponent(code))
