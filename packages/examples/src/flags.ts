// What the command lines of the examples have in common.
import { Duration, Option } from "effect"
import { Argument, Flag } from "effect/cli"

/** A flag that is off unless it is given. */
export const toggle = (name: string, description: string): Flag.Flag<boolean> =>
  Flag.Boolean(name).pipe(Flag.withDescription(description), Flag.withDefault(false))

/** An integer that has to be given, unless a default or `Flag.optional` follows. */
export const count = (name: string, description: string, minimum = 1): Flag.Flag<number> =>
  Flag.Int(name).pipe(
    Flag.withDescription(description),
    Flag.filter((value) => value >= minimum, () => `Expected an integer of at least ${minimum}`)
  )

/** An integer with a default, which its description names. */
export const integer = (name: string, description: string, byDefault: number, minimum = 1): Flag.Flag<number> =>
  count(name, `${description} (default: ${byDefault})`, minimum).pipe(Flag.withDefault(byDefault))

/** The path of a file with a default, which its description names. The empty one, as of an unset variable, is none. */
export const path = (name: string, description: string, byDefault: string): Flag.Flag<string> =>
  Flag.String(name).pipe(
    Flag.withDescription(`${description} (default: ${byDefault})`),
    Flag.filter((path) => path !== "", () => "Expected the path of a file"),
    Flag.withDefault(byDefault)
  )

/** The flag `--port`. */
export const port = (description: string): Flag.Flag<number> =>
  Flag.Int("port").pipe(
    Flag.withDescription(description),
    Flag.filter((port) => port >= 0 && port <= 65535, () => "Expected a port, 0 to 65535")
  )

const units: Readonly<Record<string, (amount: number) => Duration.Duration>> = {
  ms: Duration.millis,
  s: Duration.seconds,
  m: Duration.minutes,
  h: Duration.hours
}

/** A time limit as `2.5`, which is in seconds, `500ms`, `10s`, `1.5m` or `1h`; more than nothing. */
export const parseDuration = (text: string): Option.Option<Duration.Duration> => {
  const [, amount, unit = "s"] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? []
  return Number(amount) > 0 ? Option.fromNullishOr(units[unit]?.(Number(amount))) : Option.none()
}

export const duration = (name: string, description: string): Flag.Flag<Duration.Duration> =>
  Flag.String(name).pipe(
    Flag.withDescription(description),
    Flag.filterMap(parseDuration, () => "Expected a duration of more than 0, such as 10, 500ms or 1m")
  )

const parseUrl = (text: string): Option.Option<URL> =>
  Option.filter(Option.fromNullishOr(URL.parse(text)), ({ protocol }) => /^https?:$/.test(protocol))

const expectedUrl = () => "Expected an http or https URL, such as https://example.com"

export const url = (name: string, description: string): Flag.Flag<Option.Option<URL>> =>
  Flag.String(name).pipe(Flag.withDescription(description), Flag.filterMap(parseUrl, expectedUrl), Flag.optional)

/** The argument `URL`: where to start. */
export const start = (description: string): Argument.Argument<Option.Option<URL>> =>
  Argument.String("URL").pipe(
    Argument.withDescription(description),
    Argument.filterMap(parseUrl, expectedUrl),
    Argument.optional
  )
