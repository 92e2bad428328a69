// A durable job that makes the thumbnail of an image, and a process of it: it makes those that are missing, and tells each path.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { ClusterGreenPool, ClusterJob } from "@greenpool/cluster"
import * as NodeCluster from "@greenpool/cluster/node"
import { Effect, Layer, References, Schema, Stream } from "effect"
import { BadImage, writeThumbnail } from "../embedded/images.ts"

/** The image is the key: it gets one thumbnail, however often and from wherever it is asked for. */
const Thumbnail = ClusterJob.make("thumbnail", {
  payload: { image: Schema.String },
  success: Schema.String,
  error: BadImage,
  idempotencyKey: ({ image }) => image
})

const [filename = "", ...images] = process.argv.slice(2)

/** One process with a database in a file. Several need a `layerRunner` in place of the `layerEmbedded`. */
const MainLayer = Thumbnail.toLayer(({ image }) => Effect.delay(writeThumbnail(image, 8), "20 millis")).pipe(
  Layer.provide(ClusterGreenPool.layer({ name: "thumbnails", size: 4 })),
  Layer.provideMerge(NodeCluster.layerEmbedded({ filename })),
  Layer.provideMerge(NodeServices.layer)
)

Thumbnail.imap(images.map((image) => ({ image })), { window: 8 }).pipe(
  Stream.runForEach((path) => Effect.sync(() => process.send?.(path))),
  // Nobody listens any more, and so it can end.
  Effect.ensuring(Effect.sync(() => process.disconnect?.())),
  Effect.provide(MainLayer),
  Effect.provideService(References.MinimumLogLevel, "Error"),
  NodeRuntime.runMain
)
