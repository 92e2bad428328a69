/**
 * The mutants that no test can find, as in those of the core.
 */
export const explained: Readonly<Record<string, ReadonlyArray<string>>> = {
  "It only saves work: without it the same happens, more slowly.": [
    "internal/board.ts Board supervision: yield* this.watched.await becomes nothing"
  ],
  "The value is set before it is read, or is a number that only has to differ from others or to grow.": [
    "internal/board.ts Board unwatched: true becomes false"
  ],
  "What it remembers then, nobody asks for: it is of no pool.": [
    "internal/times.ts readAll: kind === undefined || pool === undefined becomes kind === undefined"
  ],
  "The language does the same with the value itself: JSON has no undefined, and text is stored as its bytes.": [
    "internal/board.ts Board send: isSample && { sample } becomes { sample }",
    "internal/board.ts Board history: encoder.encode(JSON.stringify(history)) becomes JSON.stringify(history)",
    "internal/row.ts keysOf: key ?? null becomes key"
  ],
  "A header that is absent matches as little as an empty one, and digits compare as their number.": [
    "internal/answers.ts answers deny isPage: header(headers, \"accept\") ?? \"\" becomes header(headers, \"accept\")",
    "internal/answers.ts compressed takesGzip: header(headers, \"accept-encoding\") ?? \"\" becomes header(headers, \"accept-encoding\")",
    "internal/guard.ts commandRefusal: header(headers, \"content-type\") ?? \"\" becomes header(headers, \"content-type\")",
    "internal/guard.ts commandRefusal: length !== undefined && /^\\d+$/.test(length) becomes /^\\d+$/.test(length)",
    "internal/guard.ts commandRefusal: Number(length) becomes length",
    "internal/request.ts isIPv4: Number(part) becomes part"
  ],
  "What can't be read as a password or a host is none, whatever stands for it.": [
    "Access.ts passwordIn: decoded?.indexOf(0x3a) ?? -1 becomes decoded?.indexOf(0x3a)",
    "Access.ts passwordIn: 1 becomes 2",
    "Dashboard.ts settingsOf: hostName(name) ?? name becomes hostName(name)"
  ],
  "A pool that isn't listed has no figures, and lists of one version are the same.": [
    "Remote.ts Remote onFrame: entry === undefined || row === undefined becomes row === undefined",
    "Remote.ts Remote onFrame: list > this.list becomes list >= this.list"
  ],
  "The list of pools is asked for before the first frame comes.": [
    "Remote.ts Remote list: 1 becomes 2"
  ]
}
