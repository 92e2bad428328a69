// The head of the page: what this is, whether it is live, and what the reader may do.
import type { Hello } from "../src/internal/wire.ts"
import type { Connection } from "./feed.ts"
import * as Figures from "./figures.ts"
import type { Scheme } from "./palette.ts"
import * as texts from "./texts.ts"

interface Props {
  readonly title: string
  readonly connection: Connection
  /** When what is shown was new, where it isn't any more. */
  readonly staleSince: number | undefined
  readonly hello: Hello | undefined
  readonly scheme: Scheme
  readonly onScheme: (scheme: Scheme) => void
}

const Logo = () => (
  <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
    <rect width="32" height="32" rx="7" fill="#11713f" />
    <g fill="#fff">
      <rect x="7" y="7" width="8" height="8" rx="2" />
      <rect x="17" y="7" width="8" height="8" rx="2" />
      <rect x="7" y="17" width="8" height="8" rx="2" />
    </g>
    <rect x="18" y="18" width="6" height="6" rx="1.2" fill="none" stroke="#fff" stroke-width="2" />
  </svg>
)

export const Head = ({ connection, hello, onScheme, scheme, staleSince, title }: Props) => (
  <header>
    <Logo />
    <h1>{title}</h1>
    <span class={`connection ${connection}`} role="status">{texts.connection[connection]}</span>
    {staleSince !== undefined && <span class="as-of">{texts.head.asOf(Figures.time(staleSince))}</span>}
    <span class="space" />
    {hello?.unlock === true && <a class="button" href={`?unlock${location.hash}`}>{texts.head.unlock}</a>}
    {hello !== undefined && (
      <span class="access">{hello.access === "steer" ? texts.head.steering : texts.head.readOnly}</span>
    )}
    <select
      aria-label={texts.head.colours}
      value={scheme}
      onChange={(event) => onScheme(event.currentTarget.value as Scheme)}
    >
      <option value="auto">{texts.head.auto}</option>
      <option value="light">{texts.head.light}</option>
      <option value="dark">{texts.head.dark}</option>
    </select>
  </header>
)
