/**
 * `setImmediate` for a browser. Without it Effect yields by `setTimeout`, which takes 4 ms each time, and the tests
 * yield some ten thousand times. A message to oneself is as much a turn of the event loop, and takes no time.
 */
const { port1, port2 } = new MessageChannel()
const waiting: Array<{ task: () => void }> = []

port1.addEventListener("message", () => waiting.shift()?.task())
port1.start()

Object.assign(globalThis, {
  setImmediate: (task: () => void) => {
    const handle = { task }
    waiting.push(handle)
    port2.postMessage(undefined)
    return handle
  },
  clearImmediate: (handle: { task: () => void }) => {
    handle.task = () => {}
  }
})
