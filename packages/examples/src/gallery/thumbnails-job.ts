// A durable job that makes the thumbnail of an image, and the process that runs it.
import { ClusterGreenPool, ClusterJob } from "@greenpool/cluster"
import * as NodeCluster from "@greenpool/cluster/node"
import { Effect, Layer, Schema } from "effect"
import { BadImage, writeThumbnail } from "./thumbnail-image.ts"

/** The image is the key: it gets one thumbnail, however often and from wherever it is asked for. */
export const Thumbnail = ClusterJob.make("thumbnail", {
  payload: { image: Schema.String },
  success: Schema.String,
  error: BadImage,
  idempotencyKey: ({ image }) => image
})

/** One process with a database in a file. Several need a `layerRunner` in place of the `layerEmbedded`. */
export const clusterOf = (filename: string) =>
  Thumbnail.toLayer(({ image }) => Effect.delay(writeThumbnail(image, 8), "20 millis")).pipe(
    Layer.provide(ClusterGreenPool.layer({ name: "thumbnails", size: 4 })),
    Layer.provideMerge(NodeCluster.layerEmbedded({ filename }))
  )
