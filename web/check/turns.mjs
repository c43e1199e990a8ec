// How long the turns of two nodes take while much moves from one to the other, and where their time goes.
//
// By the clock, as the nodes count them, and by the processor's time, which does not grow when other programs have the
// processor meanwhile.
//
// node turns.mjs MYDHT BYTES [PROFILE]: prints it as one JSON object. PROFILE is a prefix under which the CPU profiles of both tabs
// are saved, for the browser's developer tools; with them the functions that took the most time are printed. (Functions have
// names only in a wasm whose name section is still there.)

import { writeFile } from "node:fs/promises";
import { connected, launch, open, signal, traced } from "./lib.mjs";

const [program, bytes, profile] = process.argv.slice(2);
/** Functions shown. */
const SHOWN = 25;

/** The functions of a CPU profile by the milliseconds that were spent in them. */
function heaviest({ nodes, samples, timeDeltas }) {
  const spent = new Map();
  const names = new Map(nodes.map(({ id, callFrame }) => [id, callFrame.functionName || "(no name)"]));
  samples.forEach((id, index) => {
    const name = names.get(id);
    spent.set(name, (spent.get(name) ?? 0) + timeDeltas[index] / 1000);
  });
  const sorted = [...spent].sort(([, one], [, other]) => other - one).slice(0, SHOWN);
  return Object.fromEntries(sorted.map(([name, milliseconds]) => [name, Math.round(milliseconds)]));
}

async function profiled(page) {
  if (!profile) return async () => {};
  const session = await page.context().newCDPSession(page);
  await session.send("Profiler.enable");
  await session.send("Profiler.setSamplingInterval", { interval: 200 });
  await session.send("Profiler.start");
  return async (name) => {
    const ended = await session.send("Profiler.stop");
    await writeFile(`${profile}-${name}.cpuprofile`, JSON.stringify(ended.profile));
    return heaviest(ended.profile);
  };
}

const problems = [];
const server = await signal(program);
const browser = await launch();
const contexts = await Promise.all([browser.newContext(), browser.newContext()]);
const [giver, taker] = await Promise.all(contexts.map((context) => open(context, server.url, problems)));
await Promise.all([giver, taker].map((page) => connected(page, 1, "direct")));
await giver.evaluate((length) => {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65536) crypto.getRandomValues(bytes.subarray(at, Math.min(length, at + 65536)));
  globalThis.large = bytes;
}, Number(bytes));
const ends = [await profiled(giver), await profiled(taker)];
const trace = await traced(browser);
const begin = Date.now();
await giver.evaluate(async () => await mydht.putFile("large", new Blob([globalThis.large])));
const seconds = (Date.now() - begin) / 1000;
const turns = (page) => page.evaluate(() => mydht.turns);
const result = { seconds, giver: await turns(giver), taker: await turns(taker) };
const heavy = { giver: await ends[0]("giver"), taker: await ends[1]("taker") };
result.processor = await trace([result.giver, result.taker]);
if (profile) result.heaviest = heavy;
console.log(JSON.stringify({ ...result, problems }, null, 2));
await browser.close();
await server.stop();
