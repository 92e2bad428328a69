import { format } from "node:util"
import type { Fence } from "./fences.ts"

/**
 * What the comments of a fence claim that it prints, in their order: `// prints TEXT` is one call of `console.log`, and
 * each line of comment below `// prints:` is another.
 */
export const claimsOf = (fence: Fence): ReadonlyArray<string> => {
  const claims: Array<string> = []
  let isBlock = false
  for (const line of fence.code.split("\n")) {
    const claim = /(?:^|\s)\/\/ prints (.+)$/.exec(line)?.[1]
    const listed: string | undefined = isBlock ? /^\s*\/\/ ?(.*)$/.exec(line)?.[1] : undefined
    isBlock = /^\s*\/\/ prints:$/.test(line) || listed !== undefined
    const text = claim ?? listed
    if (text !== undefined) claims.push(inOneLine(text))
  }
  return claims
}

/**
 * Runs something, and returns what each of its calls of `console.log` prints, in one line each. What Effect's logger
 * prints starts with a time, which no comment can claim: it is left out.
 */
export const printedBy = async (run: () => Promise<unknown>): Promise<ReadonlyArray<string>> => {
  const printed: Array<string> = []
  const { log } = console
  console.log = (...args: ReadonlyArray<unknown>) => {
    const text = inOneLine(format(...args))
    if (!/^\[\d\d:\d\d:\d\d\.\d\d\d\] /.test(text)) printed.push(text)
  }
  try {
    await run()
  } finally {
    console.log = log
  }
  return printed
}

/** Where Node breaks what it prints into lines is not claimed. */
const inOneLine = (text: string): string => text.replaceAll(/\s+/g, " ").trim()
