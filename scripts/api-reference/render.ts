import { basename } from "node:path"
import type { Doc, Export, Member, Module } from "./model.ts"

/** The reference as Markdown, for a file in `docs`. */
export const render = (intro: string, modules: ReadonlyArray<Module>): string => {
  const exports = modules.flatMap((module) => module.exports)
  const link = linker(exports)
  const categories = Map.groupBy(exports, categoryOf)
  const index = [...categories].map(([category, found]) =>
    `| ${category} | ${found.map((each) => `[\`${each.kind} ${each.name}\`](#${anchorOf(each)})`).join(", ")} |`
  )
  return [
    "<!-- Written by `pnpm api` from the doc comments of the source. Change those, and run it again. -->",
    "# API reference",
    intro,
    "| category | exports |\n| --- | --- |\n" + index.join("\n"),
    ...modules.flatMap((module) => [
      `## Module ${basename(module.path, ".ts")}`,
      `${link(module.doc.text, "")} Source: [\`${basename(module.path)}\`](../${module.path}).`,
      ...[...Map.groupBy(module.exports, categoryOf).values()].flat().flatMap((each) => renderExport(each, link))
    ])
  ].join("\n\n") + "\n"
}

const renderExport = (each: Export, link: Linker): ReadonlyArray<string> => [
  `### ${titleOf(each)}`,
  `Category ${categoryOf(each)}, since ${tagOf(each, "since")}.`,
  ...renderSignature(each, link, each.name),
  link(each.doc.text, each.name),
  ...(isList(each.members)
    ? each.members.map(({ doc, signature }) =>
      `- \`${signature}\`\n\n${link(doc.text, each.name).replace(/^(?=.)/gm, "  ")}`
    )
    : each.members.flatMap((member) => [
      `#### ${member.name}`,
      ...renderSignature(member, link, each.name),
      link(member.doc.text, each.name, member.name)
    ]))
]

/** Members are a list when each has its signature on one line, as options and fields do. */
const isList = (members: ReadonlyArray<Member>): boolean =>
  members.every(({ signature }) => !/\n|^type /.test(signature))

/** The signature, and links to the types in it. */
const renderSignature = (
  { signature }: { readonly signature: string },
  link: Linker,
  owner: string
): ReadonlyArray<string> => {
  const names = new Set(signature.match(/(?<![.\w"])[A-Z]\w*(\.[A-Z]\w*)?/g))
  const links = [...names].map((name) => link(`\`${name}\``, "", owner)).filter((text) => text.startsWith("["))
  return ["```ts\n" + signature + "\n```", ...(links.length === 0 ? [] : [`Types: ${links.join(", ")}`])]
}

const titleOf = (each: Export): string => `${each.kind} ${each.name}`

const anchorOf = (each: Export): string => slugOf(titleOf(each))

/** What the heading of a title is called in a link, as GitHub has it. */
const slugOf = (title: string): string => title.toLowerCase().replace(/[^\w -]/g, "").replaceAll(" ", "-")

const categoryOf = (each: Export): string => tagOf(each, "category")

const tagOf = (each: { readonly name: string; readonly doc: Doc }, tag: string): string => {
  const value = each.doc.tags.get(tag)
  if (value === undefined) throw new Error(`${each.name} has no @${tag}`)
  return value
}

/** Makes links of the names in a text about a member of `owner`, or about `self`, to which it does not link. */
type Linker = (text: string, owner: string, self?: string) => string

const linker = (exports: ReadonlyArray<Export>): Linker => {
  const anchors = new Map<string, string>()
  for (const each of exports) {
    if (!anchors.has(each.name)) anchors.set(each.name, anchorOf(each))
    for (const { name } of isList(each.members) ? [] : each.members) anchors.set(name, slugOf(name))
  }
  const linkName = (name: string, owner: string, self: string | undefined): string => {
    const full = [`${owner}.${name}`, name].find((full) => anchors.has(full))
    return full === undefined || full === self || full === owner
      ? `\`${name}\``
      : `[\`${name}\`](#${anchors.get(full)})`
  }
  return (text, owner, self) =>
    text.split(/(^ *```[^]*?^ *```$)/m).map((part) =>
      /^ *```/.test(part) ? part : part
        .replace(/\{@link ([\w.]+)\}/g, "`$1`")
        // What has the same name elsewhere is not ours.
        .replace(/(?<!\[|'s )`([\w.]+)`(?!\])/g, (_, name: string) => linkName(name, owner, self))
    ).join("")
}
