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
  ]
}
