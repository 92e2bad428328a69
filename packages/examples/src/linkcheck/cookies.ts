import type { Cookies } from "effect/http"

/** The cookies of one walk from redirect to redirect: each goes back to the host that has set it, or to its domain. */
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

  headers(url: string): Readonly<Record<string, string>> {
    const { hostname } = new URL(url)
    const pairs = [...this.cookies.values()].filter(({ hosts }) =>
      hosts.startsWith(".") ? `.${hostname}`.endsWith(hosts) : hosts === hostname
    )
    return pairs.length === 0 ? {} : { cookie: pairs.map(({ pair }) => pair).join("; ") }
  }
}
