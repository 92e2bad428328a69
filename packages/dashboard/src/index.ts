/**
 * A page that shows the pools of an application live, and steers them.
 *
 * @since 0.1.0
 */
export { type Access, type Authorize } from "./Access.ts"
export { Dashboard, type DashboardOptions } from "./Dashboard.ts"
export { RemoteFailed, type RemoteOptions } from "./Remote.ts"
export { type AnyPool, type Shown } from "./Shown.ts"
