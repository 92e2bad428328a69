import { buildAssets } from "../../page/build.ts"

/** Tests run what the sources say, also where nobody has built the page. */
export const setup = buildAssets
