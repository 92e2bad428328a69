// The page: what it knows, and what it shows of it.
import { render } from "preact"
import { useEffect, useState } from "preact/hooks"
import type { Hello } from "../src/internal/wire.ts"
import { Detail } from "./Detail.tsx"
import { connect, type Connection } from "./feed.ts"
import { Head } from "./Head.tsx"
import { Model } from "./model.ts"
import { chooseScheme, chosenScheme, onColours, type Scheme } from "./palette.ts"
import { Pools } from "./Pools.tsx"
import { problems } from "./texts.ts"
import { Totals } from "./Totals.tsx"

const model = new Model()

/** The pool that the address names. */
const chosenName = (): string => {
  try {
    return decodeURIComponent(location.hash.slice(1))
  } catch {
    return ""
  }
}

/** Known only while the script begins. */
const source = (document.currentScript as HTMLScriptElement).src

/** The page of another version of the server is replaced, at most once a minute. */
const reloadFor = ({ page }: Hello): void => {
  const own = new URL(source).searchParams.get("js")
  const key = "greenpool.reloaded"
  if (own === null || own === page || Date.now() - Number(sessionStorage.getItem(key) ?? 0) < 60_000) return
  sessionStorage.setItem(key, String(Date.now()))
  location.reload()
}

const Page = () => {
  const [, setVersion] = useState(0)
  const [connection, setConnection] = useState<{ readonly state: Connection; readonly problem: string }>({
    state: "connecting",
    problem: ""
  })
  const [hello, setHello] = useState<Hello>()
  const [name, setName] = useState(chosenName)
  const [scheme, setScheme] = useState<Scheme>(chosenScheme)

  useEffect(() => {
    const refresh = () => setVersion((version) => version + 1)
    addEventListener("hashchange", () => setName(chosenName()))
    onColours(refresh)
    void connect({
      onState: (state, problem) => setConnection({ state, problem }),
      onHello: (hello) => {
        reloadFor(hello)
        document.title = hello.title
        setHello(hello)
      },
      onHistory: (history) => {
        model.replace(history)
        refresh()
      },
      onFrame: (frame) => {
        const fits = model.update(frame)
        refresh()
        return fits
      }
    })
  }, [])

  const chosen = model.pools.find(({ entry }) => entry.name === name)
  const pool = chosen ?? model.pools[0]
  const isKnown = model.lastSample > 0
  const isStale = connection.state !== "live" && isKnown
  return (
    <>
      <Head
        title={hello?.title ?? document.title}
        connection={connection.state}
        staleSince={isStale ? model.lastTime : undefined}
        hello={hello}
        scheme={scheme}
        onScheme={(scheme) => {
          chooseScheme(scheme)
          setScheme(scheme)
        }}
      />
      <main class={isStale ? "stale" : undefined}>
        {connection.problem !== "" && <p class="problem">{connection.problem}</p>}
        {isKnown && (
          <>
            <Totals model={model} />
            <Pools model={model} chosen={pool} />
            {name !== "" && chosen === undefined && <p class="problem">{problems.unknownPool(name)}</p>}
            {pool !== undefined && (
              <Detail
                key={pool.entry.id}
                model={model}
                pool={pool}
                steers={hello?.access === "steer"}
                isStale={isStale}
              />
            )}
          </>
        )}
      </main>
    </>
  )
}

document.documentElement.dataset["colours"] = chosenScheme()
document.body.replaceChildren()
render(<Page />, document.body)
