// How long the turns of two nodes take while much moves from one to the other, and where their time goes.
//
// By the clock, as the nodes count them, and by the processor's time, which does not grow when other programs have the
// processor meanwhile.
//
// node turns.mjs MYDHT BYTES [PROFILE]: prints it as one JSON object. PROFILE is a prefix under which the CPU profiles of both tabs
// are saved, for the browser's developer tools; with them the functions that took the most time are printed. (Functions have
// names only in a wasm whose name section is still there.)

import { connected, launch, open, profiled, signal, traced } from "./lib.mjs";

const [program, bytes, profile] = process.argv.slice(2);

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
const ends = profile ? await Promise.all([giver, taker].map(profiled)) : [];
const trace = await traced(browser);
const begin = Date.now();
await giver.evaluate(async () => await mydht.putFile("large", new Blob([globalThis.large])));
const seconds = (Date.now() - begin) / 1000;
const turns = (page) => page.evaluate(() => mydht.turns);
const result = { seconds, giver: await turns(giver), taker: await turns(taker) };
result.processor = await trace([result.giver, result.taker]);
const names = ["giver", "taker"];
for (const [index, end] of ends.entries()) {
  const heavy = await end(`${profile}-${names[index]}`);
  result.heaviest = { ...result.heaviest, [names[index]]: heavy };
}
console.log(JSON.stringify({ ...result, problems }, null, 2));
await browser.close();
await server.stop();
