/** A link or an image of a Markdown document, as it is written. */
export interface Link {
  readonly text: string
  readonly isImage: boolean
  readonly label: string
  /** The path or URL, without what follows `#`. Empty for a place in the same document. */
  readonly path: string
  /** The place in the target, without `#`; empty for none. */
  readonly anchor: string
}

const fences = /^ *(```|~~~)[^]*?^ *\1 *$/gm
const links = /(!?)\[((?:`[^`]*`|[^\]])*)\]\(([^)\s#]*)(?:#([^)\s]*))?\)/g

/** Replaces the links of a document that lead to no URL. Code is left as it is. */
export const replaceLinks = (document: string, replace: (link: Link) => string): string => {
  let end = 0
  let result = ""
  const outside = (text: string) =>
    text.replaceAll(
      links,
      (text, mark: string, label: string, path: string, anchor = "") =>
        /^[a-z]+:/.test(path) ? text : replace({ text, isImage: mark === "!", label, path, anchor })
    )
  for (const fence of document.matchAll(fences)) {
    result += outside(document.slice(end, fence.index)) + fence[0]
    end = fence.index + fence[0].length
  }
  return result + outside(document.slice(end))
}

/** What the headings of a document are called in links, as GitHub has it. */
export const anchorsOf = (document: string): ReadonlySet<string> => {
  const anchors = new Set<string>()
  for (const [, heading = ""] of document.replaceAll(fences, "").matchAll(/^#+ +(.*)$/gm)) {
    const slug = heading.toLowerCase().replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll(/[^\p{L}\p{N}_ -]/gu, "")
      .replaceAll(" ", "-")
    let anchor = slug
    for (let n = 1; anchors.has(anchor); n++) anchor = `${slug}-${n}`
    anchors.add(anchor)
  }
  return anchors
}
