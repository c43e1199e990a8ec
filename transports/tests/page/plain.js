// The browser's own connections, as a page would use them with no library: what the bench compares with.

/** Two connections that find each other, with a reliable channel; resolves when both ends are open. */
async function pair() {
  const near = new RTCPeerConnection(), far = new RTCPeerConnection();
  near.onicecandidate = ({ candidate }) => candidate && far.addIceCandidate(candidate);
  far.onicecandidate = ({ candidate }) => candidate && near.addIceCandidate(candidate);
  const a = near.createDataChannel("plain", { negotiated: true, id: 0 });
  const b = far.createDataChannel("plain", { negotiated: true, id: 0 });
  a.binaryType = b.binaryType = "arraybuffer";
  const open = (channel) => new Promise((resolve) => { channel.onopen = resolve; });
  const opened = Promise.all([open(a), open(b)]);
  await near.setLocalDescription();
  await far.setRemoteDescription(near.localDescription);
  await far.setLocalDescription();
  await near.setRemoteDescription(far.localDescription);
  return { a, b, opened, close() { near.close(); far.close(); } };
}

/** Milliseconds from the beginning to the first message at the other end. */
export async function connect() {
  const begin = performance.now();
  const { a, b, close } = await pair();
  const heard = new Promise((resolve) => { b.onmessage = resolve; });
  const send = () => a.send(new Uint8Array(5));
  if (a.readyState === "open") send(); else a.onopen = send;
  await heard;
  const took = performance.now() - begin;
  close();
  return took;
}

/** Milliseconds to move so many bytes in messages of 16 KiB, as fast as the channel takes them. */
export async function bulk(bytes) {
  const { a, b, opened, close } = await pair();
  await opened;
  const message = new Uint8Array(16384);
  let left = bytes, got = 0;
  const begin = performance.now();
  const done = new Promise((resolve) => {
    b.onmessage = ({ data }) => { got += data.byteLength; if (got >= bytes) resolve(); };
  });
  a.bufferedAmountLowThreshold = 131072;
  const fill = () => {
    while (left > 0 && a.bufferedAmount < 262144) { a.send(message); left -= message.length; }
  };
  a.onbufferedamountlow = fill;
  fill();
  await done;
  const took = performance.now() - begin;
  close();
  return took;
}

/** Milliseconds of one round of a message of 1 KiB, there and back, each of many. */
export async function rounds(count) {
  const { a, b, opened, close } = await pair();
  await opened;
  const message = new Uint8Array(1024), times = [];
  b.onmessage = ({ data }) => b.send(data);
  for (let round = 0; round < count; round++) {
    const begin = performance.now();
    const back = new Promise((resolve) => { a.onmessage = resolve; });
    a.send(message);
    await back;
    times.push(performance.now() - begin);
  }
  close();
  return Float64Array.from(times);
}

/** Collects garbage now, where the browser was started with --expose-gc. */
export function collectGarbage() {
  globalThis.gc?.();
}
