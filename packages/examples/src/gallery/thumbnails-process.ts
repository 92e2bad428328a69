// A process of the example `thumbnails`: it makes those that are missing, and tells each path.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer, References, Stream } from "effect"
import { clusterOf, Thumbnail } from "./thumbnails-job.ts"

const [database = "", ...images] = process.argv.slice(2)

Thumbnail.imap(images.map((image) => ({ image })), { window: 8 }).pipe(
  Stream.runForEach((path) => Effect.sync(() => process.send?.(path))),
  // Nobody listens any more, and so it can end.
  Effect.ensuring(Effect.sync(() => process.disconnect?.())),
  Effect.provide(clusterOf(database).pipe(Layer.provideMerge(NodeServices.layer))),
  Effect.provideService(References.MinimumLogLevel, "Error"),
  NodeRuntime.runMain
)
