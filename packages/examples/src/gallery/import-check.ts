import { Effect, Result, Schema } from "effect"
import type { Place, Row } from "./import-rows.ts"

const digits = (pattern: RegExp) =>
  Schema.String.check(Schema.isPattern(pattern)).pipe(Schema.decodeTo(Schema.FiniteFromString))

/** Whether there is such a date. `Date` takes 2023-02-29 for the first of March. */
const isDay = (text: string): boolean => {
  const time = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : NaN
  return Number.isFinite(time) && new Date(time).toISOString().startsWith(text)
}

const Order = Schema.Struct({
  id: digits(/^[1-9]\d{0,14}$/),
  email: Schema.String.check(Schema.isPattern(/^\S+@\S+$/)),
  amount: digits(/^\d{1,9}\.\d\d$/),
  day: Schema.String.check(Schema.makeFilter(isDay, { expected: "a date such as 2026-01-31" })),
  note: Schema.String
})

/** The columns of the CSV. */
export const COLUMNS = Object.keys(Order.fields)

const decodeOrder = Schema.decodeUnknownResult(Order)

/** A row that is not imported: its line, why, and its fields. */
export interface Reject {
  readonly line: number
  readonly reason: string
  readonly fields: ReadonlyArray<string>
}

/** The rows of a batch after their check, and where the next batch begins. */
export interface Batch {
  readonly orders: ReadonlyArray<typeof Order.Type & { readonly row: Row }>
  readonly rejects: ReadonlyArray<Reject>
  readonly end: Place
}

/** A job: checks a batch. This is work for the CPU alone; a check that asks a service would be written the same. */
export const check = (rows: readonly [Row, ...ReadonlyArray<Row>]) =>
  Effect.sync((): Batch => {
    const orders: Array<Batch["orders"][number]> = []
    const rejects: Array<Reject> = []
    for (const row of rows) {
      const { fields, isUtf8, start } = row
      // An empty line.
      if (fields.length === 1 && fields[0] === "") continue
      const reject = (reason: string) => rejects.push({ line: start.lines + 1, reason, fields })
      if (!isUtf8) {
        reject("not UTF-8: the file may be in Latin-1")
        continue
      }
      if (fields.length !== COLUMNS.length) {
        reject(`${fields.length} fields, not ${COLUMNS.length}`)
        continue
      }
      const order = decodeOrder(Object.fromEntries(COLUMNS.map((name, index) => [name, fields[index]])))
      if (Result.isSuccess(order)) orders.push({ ...order.success, row })
      else reject(order.failure.message.replace(/\s+/g, " "))
    }
    return { orders, rejects, end: rows.at(-1)?.end ?? rows[0].end }
  })
