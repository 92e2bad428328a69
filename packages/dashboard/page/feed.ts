// The connection to the server: one stream of frames while somebody looks, opened again whenever it breaks.
import type { Command, Frame, Hello, History, Refused } from "../src/internal/wire.ts"
import { problems, steer as steerTexts } from "./texts.ts"

export type Connection = "connecting" | "live" | "reconnecting" | "none"

export interface Listener {
  readonly onState: (state: Connection, problem: string) => void
  readonly onHello: (hello: Hello) => void
  readonly onHistory: (history: History) => void
  /** Whether the frame fits to what is known; if not, the history is fetched anew. */
  readonly onFrame: (frame: Frame) => boolean
}

/** Without a frame for so long, the connection is lost. */
const silence = 5000
/** When it is tried again, after an error of the network and one of the server. */
const afterNetworkError = 1000
const afterServerError = 5000

class ServerError extends Error {
  readonly state: Connection

  constructor(state: Connection, message: string) {
    super(message)
    this.state = state
  }
}

const sleep = (millis: number, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, millis)
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()))
  })

const firstLine = async (response: Response) => {
  const isText = response.headers.get("content-type")?.startsWith("text/plain") === true
  return isText ? (await response.text()).trim().slice(0, 300) : ""
}

const ask = async (query: string, type: string, signal: AbortSignal): Promise<Response> => {
  const response = await fetch(query, { headers: { accept: type }, cache: "no-store", signal })
  if (response.ok && response.headers.get("content-type")?.startsWith(type) === true) return response
  const { status } = response
  if (status === 401 || status === 403) throw new ServerError("none", await firstLine(response))
  const text = status === 503 ? await firstLine(response) : ""
  throw new ServerError("reconnecting", text || problems.status(status))
}

/** Reads one stream to its end. */
const read = async (listener: Listener, signal: AbortSignal, onActivity: () => void): Promise<void> => {
  const response = await ask("?feed", "text/event-stream", signal)
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let process = ""
  let buffered: Array<Frame> | undefined = undefined
  let failure: unknown
  const fetchHistory = async () => {
    buffered ??= []
    try {
      const history: History = await (await ask("?history", "application/json", signal)).json()
      if (history.process !== process) throw new ServerError("reconnecting", problems.several)
      listener.onHistory(history)
      const frames: Array<Frame> = buffered
      buffered = undefined
      listener.onState("live", "")
      for (const frame of frames) listener.onFrame(frame)
    } catch (error) {
      failure = error
      await reader.cancel().catch(() => {})
    }
  }
  const onEvent = (data: Hello | Frame) => {
    if ("process" in data) {
      process = data.process
      listener.onHello(data)
      void fetchHistory()
    } else if (buffered !== undefined) {
      buffered.push(data)
    } else if (!listener.onFrame(data)) {
      void fetchHistory()
    }
  }
  let text = ""
  for (;;) {
    const { done, value } = await reader.read()
    if (failure !== undefined) throw failure
    if (done) return
    onActivity()
    const parts = (text + value).split("\n\n")
    text = parts.pop()!
    for (const part of parts) if (part.startsWith("data: ")) onEvent(JSON.parse(part.slice(6)))
  }
}

const isSeen = () => document.visibilityState === "visible"

const seen = () =>
  new Promise<void>((resolve) => {
    const check = () => {
      if (!isSeen()) return
      document.removeEventListener("visibilitychange", check)
      resolve()
    }
    document.addEventListener("visibilitychange", check)
    check()
  })

/** Keeps a stream open while the page is seen. */
export const connect = async (listener: Listener): Promise<never> => {
  for (;;) {
    await seen()
    const hidden = new AbortController()
    const onChange = () => {
      if (!isSeen()) hidden.abort()
    }
    document.addEventListener("visibilitychange", onChange)
    addEventListener("pagehide", onChange)
    const broken = new AbortController()
    let timer = 0
    const onActivity = () => {
      clearTimeout(timer)
      timer = setTimeout(() => broken.abort(), silence)
    }
    onActivity()
    let pause = 0
    try {
      await read(listener, AbortSignal.any([hidden.signal, broken.signal]), onActivity)
    } catch (error) {
      if (!hidden.signal.aborted) {
        const isServer = error instanceof ServerError
        listener.onState(isServer ? error.state : "reconnecting", isServer ? error.message : problems.lost)
        pause = isServer ? afterServerError : afterNetworkError
      }
    }
    clearTimeout(timer)
    broken.abort()
    if (pause > 0) await sleep(pause, hidden.signal)
    document.removeEventListener("visibilitychange", onChange)
    removeEventListener("pagehide", onChange)
  }
}

/** Sends a command. Returns the error if it was refused. */
export const send = async (command: Command): Promise<{ readonly size: number } | Refused> => {
  try {
    const response = await fetch("?", {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify(command),
      signal: AbortSignal.timeout(10_000)
    })
    const isJson = response.headers.get("content-type")?.startsWith("application/json") === true
    if (isJson) return await response.json()
    return { error: await firstLine(response) || problems.status(response.status) }
  } catch {
    return { error: steerTexts.unanswered }
  }
}
