import type { Cookies } from "effect/http"
import type { Headers } from "./request.ts"

/** The cookies of one chain of redirects: each goes back to the host that has set it, or to the domain that it names. */
export class CookieJar {
  private readonly cookies = new Map<string, { readonly hosts: string; readonly pair: string }>()

  store(url: string, { cookies }: Cookies.Cookies): void {
    const { hostname } = new URL(url)
    for (const { name, options, valueEncoded } of Object.values(cookies)) {
      const domain = options?.domain?.replace(/^\./, "").toLowerCase()
      const hosts = domain !== undefined && `.${hostname}`.endsWith(`.${domain}`) ? `.${domain}` : hostname
      this.cookies.set(`${hosts} ${name}`, { hosts, pair: `${name}=${valueEncoded}` })
    }
  }

  /** Headers for a URL, with the cookies for it. */
  addTo(headers: Headers, url: string): Headers {
    const { hostname } = new URL(url)
    const cookies = [...this.cookies.values()].filter(({ hosts }) =>
      hosts.startsWith(".") ? `.${hostname}`.endsWith(hosts) : hosts === hostname
    )
    const pairs = [headers["cookie"] ?? [], cookies.map(({ pair }) => pair)].flat()
    return pairs.length === 0 ? headers : { ...headers, cookie: pairs.join("; ") }
  }
}
