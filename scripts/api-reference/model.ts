/** What a doc comment says. */
export interface Doc {
  readonly text: string
  readonly tags: ReadonlyMap<string, string>
}

/** A member of an export, as a method, an option or a field, with a doc comment of its own. */
export interface Member {
  readonly name: string
  readonly signature: string
  readonly doc: Doc
}

/** A name that can be imported; one that is a type as well as a value is two. */
export interface Export {
  readonly name: string
  readonly kind: "class" | "const" | "interface" | "namespace" | "type"
  readonly signature: string
  readonly doc: Doc
  readonly members: ReadonlyArray<Member>
}

/** A public module. */
export interface Module {
  /** Its path, from the root of the repository. */
  readonly path: string
  readonly doc: Doc
  readonly exports: ReadonlyArray<Export>
}
