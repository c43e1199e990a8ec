// What goes wrong between real browsers: servers, tabs and networks that go away, and peers that lie.
//
// node faults.mjs MYDHT FOLDER [--all | NAME]: prints what was seen as one JSON object. Without --all, only what takes seconds,
// or what has NAME in its name.
// The network can be cut only in a namespace of its own, where the interface d0 is this check's to take down (as root).

import { execFileSync } from "node:child_process";
import { generateKeyPairSync, sign as signBytes } from "node:crypto";
import { networkInterfaces } from "node:os";
import {
  ask, autopsy, connected, getFile, launch, open, peers, putFile, random, sha256, signal, sleep, text, until, visible,
} from "./lib.mjs";

const [program, folder, how] = process.argv.slice(2);
const all = how === "--all";
const CASES = [];
const fault = (name, run, isLong = false) => CASES.push({ name, run, isLong });

/** This process has a network of its own: nobody else loses anything when it is cut. */
const interfaces = Object.keys(networkInterfaces());
const ownNetwork = interfaces.includes("d0") && interfaces.every((name) => ["lo", "d0", "d1"].includes(name));

function must(holds, what) {
  if (!holds) throw new Error(`not so: ${what}`);
}

const file = (name, bytes) => ({ name, mimeType: "application/octet-stream", buffer: bytes });

/** Two tabs of two browsers' storages, in a room of their own; what goes wrong in them is in `problems`. */
async function pair(world, room, path = "direct") {
  const [one, two] = await Promise.all([world.context(), world.context()]);
  const url = `${world.server.url}/?room=${room}`;
  const a = await open(one, url, world.problems);
  const b = await open(two, url, world.problems);
  await Promise.all([connected(a, 1, path), connected(b, 1, path)]);
  return { a, b, url, one, two };
}

/** That a text goes from one to the other. */
async function works(from, to, what) {
  await from.fill("#text", what);
  await from.fill("#name", what);
  await from.press("#name", "Enter");
  await visible(from, "#put-key-line");
  await ask(to, what);
  await visible(to, "#got-text");
  must((await to.textContent("#got-text")) === what, `${what} arrives`);
}

/** In a page: connections that are begun while `alone` is true find no path, as behind a firewall that lets nothing through. */
function isolating() {
  const Real = RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Real {
    constructor(config) {
      super(globalThis.alone ? { ...config, iceTransportPolicy: "relay" } : config);
    }
  };
}

/** In a page: changes all that an IndexedDB has in its only store, and gives what is there then as text. */
function changing() {
  globalThis.change = async (name, change) => {
    const done = (request) => new Promise((then, fail) => {
      request.onsuccess = () => then(request.result);
      request.onerror = () => fail(request.error);
    });
    const database = await done(indexedDB.open(name));
    const store = database.transaction([...database.objectStoreNames], "readwrite").objectStore(database.objectStoreNames[0]);
    const keys = await done(store.getAllKeys());
    const values = await done(store.getAll());
    for (const [index, key] of keys.entries()) await done(store.put(change(values[index]), key));
    const now = await done(store.getAll());
    database.close();
    const shown = (value) => (value.buffer ? [...value].join() : JSON.stringify(value, (_, inner) => (inner?.buffer ? [...inner].join() : inner)));
    return now.map(shown).join("\n");
  };
}

fault("messages of every length", async (world) => {
  const { a, b } = await pair(world, "lengths");
  for (const length of [1, 16383, 16384, 16385, 65536, 262145, 5_000_000]) {
    const bytes = random(length);
    const key = await putFile(a, file(`of ${length}`, bytes), `of ${length}`);
    must((await getFile(b, key)) === sha256(bytes), `${length} bytes arrive`);
  }
});

fault("the server is not there at the start", async (world) => {
  const { port } = new URL(world.server.url);
  const context = await world.context();
  // The page comes from one server, and its node looks for another, which is not there yet.
  const late = await signal(program);
  const url = `${world.server.url}/?server=${late.url}&room=late`;
  await late.stop();
  const a = await open(context, url, world.problems);
  await text(a, "#state", "it cannot be reached");
  const again = await signal(program, new URL(late.url).port);
  try {
    await text(a, "#state", "Online");
    const b = await open(await world.context(), url, world.problems);
    await connected(b, 1);
    await works(a, b, "after a late server");
  } finally {
    await again.stop();
  }
  must(port !== "0", "the page's own server lives");
});

fault("the server dies, and two that are connected go on", async (world) => {
  const server = await signal(program);
  const { a, b } = await pair({ ...world, server }, "dies");
  await server.stop("SIGKILL");
  await text(a, "#state", "trying again");
  await works(a, b, "without a server");
  const again = await signal(program, new URL(server.url).port);
  try {
    await Promise.all([a, b].map((page) => text(page, "#state", "Online")));
    await works(b, a, "with a server again");
  } finally {
    await again.stop();
  }
});

fault("a tab is closed, and one is reloaded", async (world) => {
  const { a, b, one, two, url } = await pair(world, "tabs");
  const id = await b.textContent("#id");
  await b.reload();
  await text(b, "#id", id);
  await Promise.all([connected(a, 1, "direct"), connected(b, 1, "direct")]);
  await works(a, b, "after a reload");
  await b.close();
  await until(async () => (await peers(a)).length === 0, "a tab that is closed is gone", 15_000);
  await text(a, "#network-summary", "0 peers are connected");
  const c = await open(two, url, world.problems);
  await connected(c, 1, "direct");
  await works(a, c, "after a tab was closed");
  // A second tab of one browser is somebody else.
  const d = await open(one, url, world.problems);
  await text(d, "#state", "Online");
  must((await d.textContent("#id")) !== (await a.textContent("#id")), "two tabs are two nodes");
});

fault("the server is gone, and two that both know a third connect", async (world) => {
  const server = await signal(program);
  const url = `${server.url}/?room=neighbours`;
  const context = await world.context();
  await context.addInitScript(isolating);
  const a = await open(context, url, world.problems);
  const c = await open(await world.context(), url, world.problems);
  await Promise.all([connected(a, 1, "direct"), connected(c, 1, "direct")]);
  // The one that comes reaches the third, and the first by the server only.
  const one = await a.textContent("#id");
  const third = await c.textContent("#id");
  await a.evaluate(() => (globalThis.alone = true));
  const b = await open(await world.context(), url, world.problems);
  const path = async (id) => (await peers(b)).find((peer) => peer.id === id)?.path;
  await until(async () => (await path(third)) === "direct" && (await path(one)) === "relayed", "one is reached, one is relayed");
  await server.stop("SIGKILL");
  await text(b, "#state", "trying again");
  await until(async () => (await path(one)) === undefined, "without the server they have no connection");
  await a.evaluate(() => (globalThis.alone = false));
  await until(async () => (await path(one)) === "direct", "the third brings them together", 120_000);
  await works(a, b, "without a server");
}, true);

fault("what is put is served from where it is, after a reload too", async (world) => {
  const url = `${world.server.url}/?room=kept`;
  const a = await open(await world.context(), url, world.problems);
  await text(a, "#state", "Online");
  const [first, second] = [random(300_000), random(70_000)];
  // Two of one name are two files.
  const keys = [];
  for (const bytes of [first, second]) keys.push(await putFile(a, file("kept", bytes), "kept"));
  await a.reload();
  await text(a, "#state", "Online");
  await a.click("#stored summary");
  await text(a, "#stored-summary", "2 files, 370.0 kB");
  must((await a.locator("#stored-rows tr", { hasText: "the file kept" }).count()) === 2, "both are listed");
  must((await a.locator("#stored-rows tr", { hasText: "whole" }).count()) === 2, "both are whole");
  await a.click("#verify");
  await text(a, "#verify-result", "2 right, 0 wrong");
  const b = await open(await world.context(), url, world.problems);
  await connected(b, 1);
  for (const [index, bytes] of [first, second].entries()) {
    must((await getFile(b, keys[index])) === sha256(bytes), "it is served after a reload");
  }
  // What is damaged is named, and not served.
  await a.evaluate(async () => {
    const name = (await indexedDB.databases()).map(({ name }) => name).find((name) => name.endsWith("files"));
    await change(name, ({ leaves }) => ({ file: new Blob(["damaged"]), leaves }));
  });
  await a.reload();
  await text(a, "#state", "Online");
  await a.click("#stored summary");
  await text(a, "#stored-damaged", "is damaged");
});

fault("an identity that is damaged", async (world) => {
  const context = await world.context();
  const url = `${world.server.url}/?room=damaged`;
  const a = await open(context, url, world.problems);
  await text(a, "#state", "Online");
  const id = await a.textContent("#id");
  const damaged = (page) => page.evaluate(() => change("mydht 1", (kept) => {
    const bytes = new Uint8Array(kept.value ?? kept).slice();
    bytes[bytes.length >> 1] ^= 1;
    return kept.value ? { ...kept, value: bytes } : bytes;
  }));
  const before = await damaged(a);
  await a.reload();
  await visible(a, "#choice");
  await text(a, "#choice-why", "identity that the browser keeps (profile 1)");
  await a.click("#without");
  await text(a, "#state", "Online");
  must((await a.textContent("#id")) !== id, "the node has another identity");
  const after = await a.evaluate(() => change("mydht 1", (kept) => kept));
  must(after === before, "what was damaged is still there as it was");
  const b = await open(await world.context(), url, world.problems);
  await connected(b, 1, "direct");
  await works(a, b, "with an identity that is not kept");
});

fault("a private window that keeps nothing", async (world) => {
  const context = await world.context();
  await context.addInitScript(() => Object.defineProperty(globalThis, "indexedDB", { get: () => undefined }));
  const url = `${world.server.url}/?room=private`;
  const a = await open(context, url, world.problems);
  await visible(a, "#choice");
  await text(a, "#choice-why", "private window");
  await text(a, "#state", "Waiting for your choice");
  await a.click("#without");
  await text(a, "#state", "Online");
  await text(a, "#kept", "nothing");
  const b = await open(await world.context(), url, world.problems);
  await connected(b, 1, "direct");
  await works(a, b, "from a private window");
  const bytes = random(200_000);
  const key = await putFile(a, file("private", bytes), "private");
  must((await getFile(b, key)) === sha256(bytes), "a file that is not kept is served while the page is there");
});

fault("no direct path, and then one", async (world) => {
  const [one, two] = await Promise.all([world.context(), world.context()]);
  // Candidates that are taken away: as behind two translated addresses.
  const blind = () => {
    const real = RTCPeerConnection.prototype.addIceCandidate;
    globalThis.blind = true;
    RTCPeerConnection.prototype.addIceCandidate = function (...args) {
      return globalThis.blind ? Promise.resolve() : real.apply(this, args);
    };
  };
  for (const context of [one, two]) await context.addInitScript(blind);
  const url = `${world.server.url}/?room=blind`;
  const a = await open(one, url, world.problems);
  const b = await open(two, url, world.problems);
  await Promise.all([connected(a, 1, "relayed"), connected(b, 1, "relayed")]);
  await text(a, "#network-summary", "through the server");
  await a.screenshot({ path: `${folder}/page-relayed.png`, fullPage: true });
  const bytes = random(20_000_000);
  const key = await putFile(a, file("over the relay", bytes.subarray(0, 300_000)), "over the relay");
  must((await getFile(b, key)) === sha256(bytes.subarray(0, 300_000)), "it arrives over the relay");
  // While a transfer is under way, a direct path appears.
  const moving = putFile(a, file("moves", bytes), "moves");
  for (const page of [a, b]) await page.evaluate(() => (globalThis.blind = false));
  await Promise.all([connected(a, 1, "direct"), connected(b, 1, "direct")]);
  must((await getFile(b, await moving)) === sha256(bytes), "what was under way is not lost");
}, true);

fault("the network is cut for 15 s", async (world) => {
  const url = `${world.server.url}/?room=cut`;
  const a = await open(await world.context(), url, world.problems);
  await text(a, "#state", "Online");
  // Alone, so that nobody has a copy yet.
  const bytes = random(45_000_000);
  const key = await putFile(a, file("cut", bytes), "cut");
  await text(a, "#put-result", "no peer is there yet");
  const b = await open(await world.context(), url, world.problems);
  await connected(b, 1, "direct");
  const got = getFile(b, key);
  await b.waitForFunction(() => document.querySelector("#get-bar").value > 1_000_000);
  const set = (how) => ["d0", "lo"].forEach((name) => execFileSync("ip", ["link", "set", name, how]));
  set("down");
  await sleep(15_000);
  const told = await b.textContent("#get-result");
  must(told.includes("Interrupted"), `the user is told: ${told}`);
  set("up");
  execFileSync("ip", ["route", "replace", "default", "dev", "d0"]);
  must((await got) === sha256(bytes), "the transfer goes on where it was");
}, true);

fault("a peer that sends garbage", async (world) => {
  const { a, b } = await pair(world, "garbage");
  // As a member of the room, with channels that open and carry what is no frame.
  const context = await world.context();
  await context.addInitScript(() => {
    const send = RTCDataChannel.prototype.send;
    globalThis.garble = (channel) => {
      for (const bytes of [new Uint8Array([255, 1, 2]), new Uint8Array(200_000), new Uint8Array(0)]) send.call(channel, bytes);
      send.call(channel, "text");
    };
    RTCDataChannel.prototype.send = function () {
      globalThis.garble(this);
    };
  });
  const bad = await open(context, `${world.server.url}/?room=garbage`, []);
  await text(bad, "#state", "Online");
  await sleep(4000);
  await works(a, b, "beside a peer that sends garbage");
});

fault("signals that are forged, replayed, too large", async (world) => {
  const { a, b } = await pair(world, "forged");
  const victim = await a.textContent("#id");
  const context = await world.context();
  const liar = await login(context, world.server.url);
  const forged = { to: victim, kind: "offer", seq: Date.now() * 1024, expires: Date.now() + 60_000, body: "1 00000000000000aa 0000000000000000\nv=0" };
  const said = (sealed) => liar.send(JSON.stringify({ type: "signal", sealed }));
  await said({ ...forged, signature: "00".repeat(64) });
  const real = { ...forged, signature: liar.seal(forged) };
  await said(real);
  await said(real);
  await said({ ...real, body: "something else" });
  await text(a, "#log", "was dropped");
  const huge = await login(context, world.server.url);
  await huge.send(JSON.stringify({ type: "signal", sealed: { ...real, body: "x".repeat(3_000_000) } }));
  for (const garbage of ["{", "[]", '{"type":"signal"}', '{"type":"nothing"}', " ".repeat(1000)]) {
    const other = await login(context, world.server.url);
    await other.send(garbage);
  }
  await sleep(500);
  await works(a, b, "beside a liar");
});

/** A user of the rendezvous server that says what it likes: in a page, whose browser has the socket. */
async function login(context, url) {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = Buffer.from(publicKey.export({ format: "jwk" }).x, "base64url");
  const host = new URL(url).host;
  const named = (name) => Buffer.concat([Buffer.from([name.length]), Buffer.from(name)]);
  const page = await context.newPage();
  await page.exposeFunction("prove", (nonce) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(host.length);
    const parts = [named("mydht-signal 1 hello"), length, Buffer.from(host), Buffer.from(nonce, "hex"), raw];
    return signBytes(null, Buffer.concat(parts), privateKey).toString("hex");
  });
  await page.goto(`${url}/icon.svg`);
  await page.evaluate(
    ([url, key, server]) =>
      new Promise((then, fail) => {
        globalThis.socket = new WebSocket(`${url.replace("http", "ws")}/signal`);
        socket.onerror = () => fail(new Error("the server takes no user"));
        socket.onmessage = async ({ data }) => {
          const message = JSON.parse(data);
          if (message.type === "welcome") then();
          if (message.type !== "challenge") return;
          const signature = await globalThis.prove(message.nonce);
          socket.send(JSON.stringify({ type: "hello", version: 1, key, server, signature }));
        };
      }),
    [url, raw.toString("hex"), host],
  );
  const seal = ({ to, kind, seq, expires, body }) => {
    const numbers = Buffer.alloc(17);
    numbers[0] = ["offer", "answer", "candidate", "bye"].indexOf(kind);
    numbers.writeBigUInt64BE(BigInt(seq), 1);
    numbers.writeBigUInt64BE(BigInt(expires), 9);
    const parts = [named("mydht-signal 1 sealed"), raw, Buffer.from(to, "hex"), numbers, Buffer.from(body)];
    return signBytes(null, Buffer.concat(parts), privateKey).toString("hex");
  };
  return { send: (message) => page.evaluate((message) => socket.send(message), message), seal };
}

const result = { ownNetwork, cases: {} };
const server = await signal(program);
const browser = await launch();
let good = true;
for (const { name, run, isLong } of CASES) {
  if (how && !all ? !name.includes(how) : isLong && !all) continue;
  if (name.includes("network is cut") && !ownNetwork) {
    result.cases[name] = "left out: there is no network of its own here to cut";
    continue;
  }
  const contexts = [];
  const context = async () => {
    const made = await browser.newContext({ acceptDownloads: true });
    await made.addInitScript(changing);
    contexts.push(made);
    return made;
  };
  const problems = [];
  const begin = Date.now();
  try {
    await run({ server, context, problems });
    must(problems.length === 0, problems.join("; "));
    result.cases[name] = `${((Date.now() - begin) / 1000).toFixed(1)} s`;
  } catch (error) {
    good = false;
    const said = await Promise.all(contexts.map((context) => autopsy(context, folder)));
    result.cases[name] = { failed: String(error.stack), problems, said: said.flat() };
  }
  await Promise.all(contexts.map((context) => context.close()));
}
await browser.close();
await server.stop();
console.log(JSON.stringify(result, null, 2));
process.exit(good ? 0 : 1);
