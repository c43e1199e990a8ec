// A network of native nodes, a process each, and of tabs, whose nodes are killed one after the other: what was put is got.
//
// node churn.mjs MYDHT FOLDER NODES SECONDS VALUES FILES: prints what was seen as one JSON object.
//
// Each second a node is killed, and started again with its store a second later. So of the copies of a value one or two
// are away at a time, there is always a living one, and every get must succeed.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { autopsy, connected, launch, open, random, run, sha256, signal, sleep, start } from "./lib.mjs";

const [program, folder, ...numbers] = process.argv.slice(2);
const [NODES, SECONDS, VALUES, FILES] = numbers.map(Number);
const TABS = 3;
/** So many nodes are in the room of the tabs; the others know them by TCP alone. */
const IN_ROOM = Math.min(5, NODES);
/** Commands that run at once. */
const HANDS = 4;
const FILE_BYTES = 1_000_000;

const problems = [];
const result = { nodes: NODES, tabs: TABS, seconds: SECONDS };
const pick = (list) => list[Math.floor(Math.random() * list.length)];

/** A native node, which can be killed and started again as the same. */
class Native {
  constructor(number, folder, room) {
    this.store = join(folder, `store-${number}`);
    this.identity = join(folder, `identity-${number}`);
    this.room = room;
    this.address = "127.0.0.1:0";
  }

  async start(known) {
    const bootstrap = known.flatMap((node) => ["--bootstrap", node.address]);
    const place = ["--listen", this.address, "--store", this.store, "--identity", this.identity];
    this.process = await start(program, ["node", ...place, ...bootstrap, ...this.room]);
    this.address = /tcp:(\S+)/.exec(this.process.line)[1];
    this.alive = true;
  }

  async kill() {
    this.alive = false;
    await this.process.stop("SIGKILL");
  }
}

const scratch = await mkdtemp(join(tmpdir(), "mydht-churn-"));
const server = await signal(program);
const browser = await launch();
const nodes = [];
const living = () => nodes.filter((node) => node.alive);
/** Some that live, and of which one is killed at most while a command begins. */
const some = () => [0, 1, 2].map(() => pick(living())).flatMap((node) => ["--bootstrap", node.address]);

/** Does a job with each of a list, some at once. */
async function each(list, job) {
  const left = [...list];
  const hand = async () => {
    while (left.length > 0) await job(left.shift());
  };
  await Promise.all(Array.from({ length: HANDS }, hand));
}

/** What was put: its key, and the hash of its bytes. */
const put = [];

async function putNatively({ name, bytes, isFile }) {
  const path = join(scratch, name);
  if (isFile) await writeFile(path, bytes);
  const key = await run(program, ["put", ...some(), ...(isFile ? ["--file", path] : ["--key", name, bytes.toString()])]);
  put.push({ key: key.trim(), hash: sha256(bytes) });
}

async function putInTab(tab, { name, bytes, isFile }) {
  const key = await tab.evaluate(
    async ([name, base64, isFile]) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      if (!isFile) return (await mydht.put(bytes, name)).key;
      return (await mydht.putFile(name, new Blob([bytes]))).key;
    },
    [name, bytes.toString("base64"), isFile],
  );
  put.push({ key, hash: sha256(bytes) });
}

const gets = { natively: 0, inTabs: 0, failed: [] };

/** Whether it is got in time, and right. */
async function got(how, { key, hash }, fetch) {
  try {
    if (sha256(await fetch()) !== hash) throw new Error("it is another");
    gets[how] += 1;
  } catch (error) {
    gets.failed.push({ how, key, why: String(error).slice(0, 300) });
  }
}

async function getNatively(what) {
  const out = join(scratch, `got-${Math.random()}`);
  await got("natively", what, async () => {
    await run(program, ["get", ...some(), what.key, "--out", out]);
    return readFile(out);
  });
  await rm(out, { force: true });
}

const getInTab = (tab, what) =>
  got("inTabs", what, async () => {
    const base64 = await tab.evaluate(async (key) => {
      const found = await mydht.get(key);
      const bytes = found.kind === "bytes" ? found.bytes : new Uint8Array(await found.file.arrayBuffer());
      let text = "";
      for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
      return btoa(text);
    }, what.key);
    return Buffer.from(base64, "base64");
  });

let context;
try {
  for (let number = 0; number < NODES; number += 1) {
    const room = number < IN_ROOM ? ["--rendezvous", server.url, "--room", "lobby"] : [];
    const node = new Native(number, scratch, room);
    const known = nodes.length > 0 ? [nodes[0], pick(nodes)] : [];
    await node.start(known);
    nodes.push(node);
  }
  const tabs = [];
  for (let number = 0; number < TABS; number += 1) {
    // A storage of its own each.
    context = await browser.newContext({ acceptDownloads: true });
    const tab = await open(context, server.url, problems);
    await connected(tab, IN_ROOM, "direct");
    tabs.push(tab);
  }

  const began = Date.now();
  const things = [];
  for (let number = 0; number < VALUES; number += 1) things.push({ name: `value-${number}`, bytes: Buffer.from(`the value ${number}`) });
  for (let number = 0; number < FILES; number += 1) things.push({ name: `file-${number}`, bytes: random(FILE_BYTES), isFile: true });
  // Every tenth, files too, is put in a tab.
  const inTabs = things.filter((_, index) => index % 10 === 0);
  const natively = things.filter((_, index) => index % 10 !== 0);
  await Promise.all([
    each(natively, putNatively),
    ...tabs.map(async (tab, at) => {
      for (const thing of inTabs.filter((_, index) => index % TABS === at)) await putInTab(tab, thing);
    }),
  ]);
  result.put = { values: VALUES, files: FILES, seconds: (Date.now() - began) / 1000 };

  let over = false;
  let kills = 0;
  const restarts = [];
  const killing = (async () => {
    for (let second = 0; second < SECONDS; second += 1) {
      const node = pick(living());
      await node.kill();
      kills += 1;
      const again = sleep(1000).then(() => node.start([pick(living()), pick(living())]));
      restarts.push(again.catch((error) => problems.push(String(error))));
      await sleep(1000);
    }
    over = true;
  })();
  const natives = Array.from({ length: HANDS }, async () => {
    while (!over) await getNatively(pick(put));
  });
  const pages = tabs.map(async (tab) => {
    while (!over) await getInTab(tab, pick(put));
  });
  await Promise.all([killing, ...natives, ...pages]);
  result.kills = kills;
  result.during = { ...gets, failed: gets.failed.length };

  // When all nodes are back, all of it.
  await Promise.all(restarts);
  await each(put, getNatively);
} catch (error) {
  problems.push(String(error.stack));
  if (context) problems.push(...(await autopsy(context, folder)));
}
result.gets = { ...gets, failed: gets.failed.length };
result.failed = gets.failed.slice(0, 20);
await browser.close();
await Promise.all(living().map((node) => node.process.stop()));
await server.stop();
await rm(scratch, { recursive: true });
result.problems = problems;
result.good = problems.length === 0 && gets.failed.length === 0 && result.kills === SECONDS && gets.inTabs > 0;
console.log(JSON.stringify(result, null, 2));
process.exit(result.good ? 0 : 1);
