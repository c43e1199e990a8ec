// Two tabs of Chromium and a native node in one room: a text and a file that are put in one tab are got in the other, and
// natively.
//
// node demo.mjs MYDHT FILE FOLDER: prints what was seen as one JSON object, and saves screenshots into FOLDER.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import {
  ask, autopsy, connected, dropFile, getFile, launch, open, peers, run, sha256, signal, start, text, traced, visible,
} from "./lib.mjs";

const [program, file, folder] = process.argv.slice(2);
/** Bytes that are moved while it is measured how long the pages' turns take. */
const MOVED = 50_000_000;

const result = {};
const problems = [];
const server = await signal(program);
const browser = await launch();
const lobby = ["--rendezvous", server.url, "--room", "lobby"];
const scratch = await mkdtemp(join(tmpdir(), "mydht-page-"));
const context = await browser.newContext({ acceptDownloads: true });

try {
  const a = await open(context, server.url, problems);
  const b = await open(context, server.url, problems);
  const began = Date.now();
  for (const page of [a, b]) {
    await text(page, "#state", "Online");
    await connected(page, 1, "direct");
    await text(page, "#network-summary", "directly");
  }
  result.directSeconds = (Date.now() - began) / 1000;

  // By the keyboard alone.
  await a.focus("#text");
  await a.keyboard.type("hello from a page");
  await a.keyboard.press("Tab");
  await a.keyboard.type("greeting");
  await a.keyboard.press("Enter");
  await visible(a, "#put-key-line");
  await ask(b, "greeting");
  await visible(b, "#got-text");
  result.text = await b.textContent("#got-text");

  const name = basename(file);
  const begin = Date.now();
  const key = await dropFile(a, file, name);
  result.putSeconds = (Date.now() - begin) / 1000;
  result.key = key;
  result.expected = sha256(await readFile(file));
  result.inTheOtherTab = await getFile(b, key);

  await ask(b, "nobody has this");
  await text(b, "#get-result", "Nobody has it");

  const node = await start(program, ["node", "--listen", "127.0.0.1:0", ...lobby]);
  await connected(a, 2);
  result.nativePaths = await peers(a);
  const saved = join(scratch, "native.bin");
  await run(program, ["get", ...lobby, key, "--out", saved]);
  result.natively = sha256(await readFile(saved));

  await a.screenshot({ path: join(folder, "page.png"), fullPage: true });
  await b.screenshot({ path: join(folder, "page-other.png"), fullPage: true });
  await a.setViewportSize({ width: 360, height: 740 });
  result.widthOnPhone = await a.evaluate(() => document.documentElement.scrollWidth);
  await a.screenshot({ path: join(folder, "page-phone.png"), fullPage: true });

  // How smooth the pages stay while much moves.
  await a.evaluate((length) => {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += 65536) crypto.getRandomValues(bytes.subarray(at, Math.min(length, at + 65536)));
    globalThis.large = bytes;
  }, MOVED);
  const trace = await traced(browser);
  const moving = Date.now();
  const large = await a.evaluate(async () => (await mydht.putFile("large", new Blob([globalThis.large]))).key);
  result.movedSeconds = (Date.now() - moving) / 1000;
  result.turns = { giver: await a.evaluate(() => mydht.turns), taker: await b.evaluate(() => mydht.turns) };
  result.turns.processor = await trace([result.turns.giver, result.turns.taker]);
  result.moved = await b.evaluate(async (key) => (await mydht.get(key)).size, large);

  // A reload keeps the id and what was put, and the peers come back.
  const id = await a.textContent("#id");
  await b.close();
  await a.reload();
  await text(a, "#id", id);
  // Somebody who has nothing yet: another browser's storage.
  const c = await open(await browser.newContext({ acceptDownloads: true }), server.url, problems);
  await connected(c, 1, "direct");
  await ask(c, "greeting");
  await visible(c, "#got-text");
  result.afterReload = await c.textContent("#got-text");
  result.fileAfterReload = await getFile(c, key);
} catch (error) {
  problems.push(String(error.stack));
  problems.push(...(await autopsy(context, folder)));
}
await browser.close();
await rm(scratch, { recursive: true });
await server.stop();
result.problems = problems;
result.good =
  problems.length === 0 &&
  result.text === "hello from a page" &&
  result.afterReload === result.text &&
  [result.inTheOtherTab, result.natively, result.fileAfterReload].every((hash) => hash === result.expected) &&
  result.moved === MOVED &&
  result.widthOnPhone <= 360;
console.log(JSON.stringify(result, null, 2));
process.exit(result.good ? 0 : 1);
