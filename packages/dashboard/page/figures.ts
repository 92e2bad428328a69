// Numbers and times as the reader's locale writes them.
import { units } from "./texts.ts"

const integers = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 })
const rates = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 2 })
const ratios = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 })
const percents = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 0 })
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" })

export type Figure = number | null | undefined

export const isFigure = (value: Figure): value is number => value !== null && value !== undefined

/** A whole number. */
export const count = (value: Figure): string => isFigure(value) ? integers.format(value) : units.none

/** A number per second, with two digits that mean something. */
export const rate = (value: Figure): string =>
  !isFigure(value) ? units.none : value >= 100 ? integers.format(value) : rates.format(value)

/** A ratio, such as 0.21. */
export const ratio = (value: Figure): string => isFigure(value) ? ratios.format(value) : units.none

export const percent = (value: number): string => percents.format(value)

/** Milliseconds, in the unit that suits them. */
export const duration = (millis: Figure): string => {
  if (!isFigure(millis)) return units.none
  if (millis < 1) return units.least
  if (millis < 1000) return `${rates.format(millis)} ${units.ms}`
  if (millis < 120_000) return `${rates.format(millis / 1000)} ${units.s}`
  return `${rates.format(millis / 60_000)} ${units.min}`
}

/** A duration on an axis, where 0 is 0. */
export const tick = (millis: number): string => millis === 0 ? "0" : duration(millis)

/** The time of the day, of seconds since 1970. */
export const time = (seconds: number): string => clock.format(seconds * 1000)

/** A span of time as a label: "5 min". */
export const span = (seconds: number): string =>
  seconds % 60 === 0 ? `${integers.format(seconds / 60)} ${units.min}` : `${integers.format(seconds)} ${units.s}`
