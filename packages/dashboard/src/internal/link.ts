/**
 * What the board asks of a pool of another process, in addition to what it asks of every pool.
 */
import type { Figures } from "./wire.ts"

export const Link: unique symbol = Symbol("@greenpool/dashboard/Link")

export interface Linked {
  readonly [Link]: {
    /** Why there is nothing new of it, as long as that is so. */
    readonly problem: string | undefined
    /** The quantiles that the other process has measured. */
    readonly times: Figures | undefined
  }
}

export const linkOf = (shown: object): Linked[typeof Link] | undefined => (shown as Partial<Linked>)[Link]
