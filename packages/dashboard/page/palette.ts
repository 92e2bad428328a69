// The colours that canvases draw with: those of the style sheet, whatever scheme is in force.

const names = ["green", "orange", "red", "blue", "purple", "muted", "grid"] as const

export type Colour = typeof names[number]

export type Palette = Readonly<Record<Colour, string>>

const read = (): Palette => {
  const style = getComputedStyle(document.documentElement)
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`)])) as Record<Colour, string>
}

let palette: Palette | undefined = undefined

/** The present colours. */
export const colours = (): Palette => palette ??= read()

const dark = matchMedia("(prefers-color-scheme: dark)")

/** Calls when the colours have changed. */
export const onColours = (listener: () => void): void => {
  dark.addEventListener("change", () => {
    palette = undefined
    listener()
  })
}

export type Scheme = "auto" | "light" | "dark"

const storage = "greenpool.colours"

const stored = (): string | null => {
  try {
    return localStorage.getItem(storage)
  } catch {
    return null
  }
}

export const chosenScheme = (): Scheme => {
  const scheme = stored()
  return scheme === "light" || scheme === "dark" ? scheme : "auto"
}

export const chooseScheme = (scheme: Scheme): void => {
  document.documentElement.dataset["colours"] = scheme
  palette = undefined
  try {
    localStorage.setItem(storage, scheme)
  } catch {
    // Without storage, the choice lasts as long as the page.
  }
}
