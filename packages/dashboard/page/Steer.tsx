// The controls of a pool.
import { useState } from "preact/hooks"
import type { Command } from "../src/internal/wire.ts"
import { send } from "./feed.ts"
import * as Figures from "./figures.ts"
import type { PoolFigures } from "./model.ts"
import { steer } from "./texts.ts"

/** The number that was typed; what is none goes to the server as it is, which says why it is none. */
const sizeOf = (text: string): unknown => text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text

export const Steer = ({ pool }: { readonly pool: PoolFigures }) => {
  const size = pool.now("size")
  const resume = pool.now("resume")
  // What is being typed, which no frame overwrites.
  const [typed, setTyped] = useState<string>()
  const [error, setError] = useState("")
  const [done, setDone] = useState("")
  const [isSending, setSending] = useState(false)
  const text = typed ?? String(size)
  const isChanged = text.trim() !== String(size)

  const carryOut = async (command: Omit<Command, "pool">) => {
    if (isSending) return
    setSending(true)
    setError("")
    setDone("")
    const answer = await send({ pool: pool.entry.name, ...command })
    setSending(false)
    if ("error" in answer) return setError(answer.error)
    setTyped(undefined)
    setDone(steer.done(Figures.count(answer.size)))
  }

  const step = (by: number) => {
    const number = Number(text)
    setTyped(String(Math.max(0, (Number.isFinite(number) && text.trim() !== "" ? Math.round(number) : size) + by)))
  }

  return (
    <div class="steer">
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (isChanged) void carryOut({ command: "resize", size: sizeOf(text) })
        }}
      >
        <label for="size">{steer.size}</label>
        <span class="stepper">
          <button type="button" aria-label={steer.less} onClick={() => step(-1)}>−</button>
          <input
            id="size"
            type="text"
            inputMode="numeric"
            autocomplete="off"
            value={text}
            aria-invalid={error !== ""}
            aria-describedby={error === "" ? undefined : "size-error"}
            onInput={(event) => setTyped(event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return
              event.preventDefault()
              step(event.key === "ArrowUp" ? 1 : -1)
            }}
          />
          <button type="button" aria-label={steer.more} onClick={() => step(1)}>+</button>
        </span>
        <button type="submit" class="primary" aria-disabled={!isChanged}>{steer.resize}</button>
      </form>
      <span class="done" aria-live="polite">{done}</span>
      {size > 0
        ? <button type="button" onClick={() => void carryOut({ command: "pause" })}>{steer.pause}</button>
        : resume > 0 && (
          <button type="button" class="primary" onClick={() => void carryOut({ command: "resume" })}>
            {steer.resume(Figures.count(resume))}
          </button>
        )}
      {error !== "" && <p id="size-error" class="error" role="alert">{error}</p>}
    </div>
  )
}
