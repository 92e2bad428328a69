import { Effect, FileSystem, Schema } from "effect"

export const Prompt = Schema.Struct({ id: Schema.NonEmptyString, prompt: Schema.NonEmptyString })
export type Prompt = typeof Prompt.Type

const decodePrompt = Schema.decodeEffect(Schema.fromJsonString(Prompt))

/** A line of a file isn't what it should be. Nothing has been asked, and no file was changed. */
export class BadLine extends Schema.TaggedError<BadLine>()("BadLine", {
  file: Schema.String,
  line: Schema.Int,
  reason: Schema.String
}) {
  override get message() {
    return `${this.file}, line ${this.line}: ${this.reason}`
  }
}

/** The prompts of a file: JSON lines `{"id": …, "prompt": …}`, or one a line, whose id is then the number of the line. */
export const readPrompts = Effect.fn("readPrompts")(function*(file: string) {
  const text = yield* (yield* FileSystem.FileSystem).readFileString(file)
  const prompts = new Map<string, Prompt>()
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "") continue
    const bad = (reason: string) => new BadLine({ file, line: index + 1, reason })
    const prompt = file.endsWith(".jsonl")
      ? yield* Effect.mapError(decodePrompt(line), (error) => bad(error.message))
      : { id: String(index + 1), prompt: line.trim() }
    if (prompts.has(prompt.id)) return yield* bad(`the id "${prompt.id}" is there already`)
    prompts.set(prompt.id, prompt)
  }
  return [...prompts.values()]
})
