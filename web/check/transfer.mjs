// What a file moves at from one page to another, beside the bare data channel between two pages that were opened the same way.
//
// node transfer.mjs MYDHT BYTES ROUNDS [PROFILE]: prints a table, and says on standard error what else it saw. PROFILE is a
// prefix under which the CPU profiles of the last round's pages are saved, for the browser's developer tools; with them the
// functions that took the most time are printed. (Functions have names only in a wasm whose name section is still there.)
//
// All pages are tabs of one browser that keeps what it is given in a folder on disk. The three ways take turns, in fresh tabs.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LONG, connected, launchKept, profiled, signal } from "./lib.mjs";

const [program, size, rounds, profile] = process.argv.slice(2);
const BYTES = Number(size);
const MIB = 1 << 20;

const problems = [];
const server = await signal(program);
const folder = await mkdtemp(join(tmpdir(), "mydht-transfer-"));
const browser = await launchKept(folder);

/** A tab of the server's origin in which nothing happens: one of its style sheets. */
async function blank() {
  const page = await browser.newPage();
  page.on("pageerror", (error) => problems.push(String(error)));
  await page.goto(`${server.url}/style.css`);
  return page;
}

/** How long one transfer may take, with all that it needs. */
const LIMIT = 2 * LONG;

/** Runs `step` with two fresh tabs, and closes them. */
async function withPair(step) {
  const pages = [await blank(), await blank()];
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`a transfer had not ended after ${LIMIT / 1000} s`)), LIMIT);
  });
  try {
    return await Promise.race([step(...pages), late]);
  } finally {
    clearTimeout(timer);
    for (const page of pages) await page.close();
  }
}

/** One end of the bare channel: as a page would use it with no library. */
function bareEnd() {
  const connection = new RTCPeerConnection();
  const channel = connection.createDataChannel("bare", { negotiated: true, id: 0 });
  channel.binaryType = "arraybuffer";
  const gathered = new Promise((then) => {
    connection.onicegatheringstatechange = () => connection.iceGatheringState === "complete" && then();
  });
  globalThis.bare = { connection, channel, gathered, opened: new Promise((then) => (channel.onopen = then)) };
}

/** Makes and gives this end's description, an answer if there is an offer. */
async function describe(offer) {
  const { connection, gathered } = globalThis.bare;
  if (offer) await connection.setRemoteDescription(offer);
  await connection.setLocalDescription();
  await gathered;
  return connection.localDescription.toJSON();
}

/** MiB/s of the bare channel: messages of 16 KiB, the far end says when it has all. */
const bare = () =>
  withPair(async (near, far) => {
    for (const page of [near, far]) await page.evaluate(bareEnd);
    const answer = await far.evaluate(describe, await near.evaluate(describe, null));
    await near.evaluate((answer) => bare.connection.setRemoteDescription(answer), answer);
    await far.evaluate(async (bytes) => {
      const { channel, opened } = bare;
      let got = 0;
      channel.onmessage = ({ data }) => {
        got += data.byteLength;
        if (got >= bytes) channel.send(new Uint8Array(1));
      };
      await opened;
    }, BYTES);
    const took = await near.evaluate(async (bytes) => {
      const { channel, opened } = bare;
      await opened;
      const message = new Uint8Array(16384);
      let left = bytes;
      const begin = performance.now();
      const done = new Promise((then) => (channel.onmessage = then));
      channel.bufferedAmountLowThreshold = 131072;
      const fill = () => {
        while (left > 0 && channel.bufferedAmount < 262144) {
          channel.send(left < message.length ? message.subarray(0, left) : message);
          left -= message.length;
        }
      };
      channel.onbufferedamountlow = fill;
      fill();
      await done;
      return performance.now() - begin;
    }, BYTES);
    return BYTES / MIB / (took / 1000);
  });

/** Starts a node in a tab: one that its browser keeps, or one that keeps nothing. */
async function startNode({ room, profile }) {
  const { default: init, Node } = await import("/mydht.js");
  await init();
  globalThis.mydht = profile ? await Node.open({ room, profile }) : new Node({ room });
}

/** Puts random bytes as a file; gives its key and the SHA-256 of its bytes. */
async function putRandom(length) {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65536) crypto.getRandomValues(bytes.subarray(at, Math.min(length, at + 65536)));
  const { key } = await mydht.putFile("random", new Blob([bytes]));
  return { key, hash: String(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))) };
}

/** Gets a file: the milliseconds until all of it is kept here, and until it is in the page's hand. */
async function getTimed(key) {
  const begin = performance.now();
  let arrived = 0;
  const { file } = await mydht.get(key, (done, total) => {
    if (done === total) arrived ||= performance.now();
  });
  const inHand = performance.now();
  globalThis.got = file;
  return { arrived: arrived - begin, inHand: inHand - begin };
}

let number = 0;

/** MiB/s of a file that one node gets from another, until it is kept and until it is in hand. */
const file = (kept, last) =>
  withPair(async (giver, taker) => {
    const room = `transfer-${(number += 1)}`;
    const options = (end) => ({ room, profile: kept && `${room}-${end}` });
    await giver.evaluate(startNode, options("giver"));
    const { key, hash } = await giver.evaluate(putRandom, BYTES);
    await taker.evaluate(startNode, options("taker"));
    for (const page of [giver, taker]) await connected(page, 1, "direct");
    const ends = last && profile ? await Promise.all([giver, taker].map(profiled)) : [];
    const counted = async () => Promise.all([giver, taker].map((page) => page.evaluate(() => mydht.turns)));
    const before = await counted();
    const times = await taker.evaluate(getTimed, key);
    const after = await counted();
    const name = kept ? "kept" : "memory";
    for (const [index, end] of ends.entries()) {
      const heavy = await end(`${profile}-${name}-${["giver", "taker"][index]}`);
      console.error(name, ["giver", "taker"][index], JSON.stringify(heavy, null, 1));
    }
    const turns = after.map((turns, index) => ({ ...turns, count: turns.count - before[index].count }));
    console.error(name, JSON.stringify({ ...times, giver: turns[0], taker: turns[1] }));
    const same = await taker.evaluate(
      async (hash) => String(new Uint8Array(await crypto.subtle.digest("SHA-256", await got.arrayBuffer()))) === hash,
      hash,
    );
    if (!same) problems.push("a file came back different");
    const rate = (milliseconds) => BYTES / MIB / (milliseconds / 1000);
    return [rate(times.arrived), rate(times.inHand)];
  });

const rates = { bare: [], memory: [], kept: [], inHand: [] };
for (let round = 1; round <= Number(rounds); round += 1) {
  const last = round === Number(rounds);
  rates.bare.push(await bare());
  console.error(`bare ${rates.bare.at(-1).toFixed(2)} MiB/s`);
  rates.memory.push((await file(false, last))[0]);
  const [kept, inHand] = await file(true, last);
  rates.kept.push(kept);
  rates.inHand.push(inHand);
}
await browser.close();
await server.stop();
await rm(folder, { recursive: true });

const median = (values) => values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)];
const ratio = (values) => median(values.map((value, index) => value / rates.bare[index]));
const row = (what, values, aim) =>
  console.log(
    `| ${what} | ${median(values).toFixed(1)} | ${Math.min(...values).toFixed(1)} … ${Math.max(...values).toFixed(1)} ` +
      `| ${ratio(values).toFixed(2)} | ${aim} |`,
  );
console.log("| from page to page | MiB/s | least … most | of the bare channel | aim |");
console.log("|---|---:|---:|---:|---|");
row("the bare channel", rates.bare, "");
row("a file, to a node that keeps nothing", rates.memory, "≥ 0.8");
row("a file, to a node that its browser keeps", rates.kept, "≥ 0.8");
row("the same, until the page has it as a Blob", rates.inHand, "");
for (const problem of problems) console.error(problem);
process.exit(problems.length ? 1 : 0);
