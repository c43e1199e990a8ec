// What the checks of the page share: processes, a Chromium, and tabs of it.
//
// MYDHT_MODULES names a folder with playwright-core in its node_modules; CHROMIUM another browser than Debian's.

import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

/** How long anything may take, in milliseconds. */
export const LONG = 60_000;

/** Functions of a profile that are shown. */
const SHOWN = 25;

const { chromium } = createRequire(join(process.env.MYDHT_MODULES ?? ".", "from"))("playwright-core");

export const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
export const sleep = (milliseconds) => new Promise((then) => setTimeout(then, milliseconds));
export const random = (length) => randomBytes(length);

const children = new Set();
process.on("exit", () => children.forEach((child) => child.kill("SIGKILL")));

/** Starts a program; it has said its first line when this is done. */
export async function start(program, args) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  children.add(child);
  let [stdout, stderr] = ["", ""];
  child.stderr.on("data", (data) => (stderr = (stderr + data).slice(-20_000)));
  const ended = new Promise((then) => child.on("exit", (code, signal) => then(code ?? signal)));
  const line = await new Promise((then, fail) => {
    child.stdout.on("data", (data) => {
      stdout += data;
      if (stdout.includes("\n")) then(stdout.split("\n")[0]);
    });
    child.on("error", fail);
    ended.then((how) => fail(new Error(`${program} ${args.join(" ")} ended (${how}): ${stderr}`)));
  });
  return {
    line,
    signal: (name) => child.kill(name),
    stderr: () => stderr,
    async stop(name = "SIGTERM") {
      child.kill(name);
      child.kill("SIGCONT");
      await ended;
      children.delete(child);
    },
  };
}

/** Runs a program to its end, and gives its standard output. */
export async function run(program, args) {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  children.add(child);
  const [out, err] = [[], []];
  child.stdout.on("data", (data) => out.push(data));
  child.stderr.on("data", (data) => err.push(data));
  const code = await new Promise((then) => child.on("close", then));
  children.delete(child);
  if (code !== 0) throw new Error(`${program} ${args[0]} failed: ${Buffer.concat([...err, ...out])}`);
  return Buffer.concat(out).toString();
}

/** A rendezvous server; `port` 0 takes a free one. */
export async function signal(program, port = 0) {
  const server = await start(program, ["signal", "--listen", `127.0.0.1:${port}`]);
  return { ...server, url: server.line.replace("listening ", "") };
}

/** How Chromium is started. */
const options = (args) => ({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // A tab that nobody looks at is a node all the same.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    ...args,
  ],
});

/** A browser whose contexts are gone with it. */
export const launch = (args = []) => chromium.launch(options(args));

/** A context of a browser that keeps on disk what its pages are given, as a user's does. */
export const launchKept = (folder, args = []) => chromium.launchPersistentContext(folder, options(args));

/** What a page may complain of while a server is away: that it is. */
const EXPECTED = /WebSocket connection to .* failed|net::ERR_|Failed to load resource/;

/** A tab of the page, with what went wrong in it in `problems`. */
export async function open(context, url, problems) {
  const page = await context.newPage();
  const complain = (text) => EXPECTED.test(text) || problems.push(text);
  page.on("console", (message) => message.type() === "error" && complain(message.text()));
  page.on("pageerror", (error) => complain(String(error)));
  await page.goto(url);
  return page;
}

/** Waits until the text of an element has `wanted` in it. */
export const text = (page, selector, wanted, timeout = LONG) =>
  page.waitForFunction(
    ([selector, wanted]) => document.querySelector(selector).textContent.includes(wanted),
    [selector, wanted],
    { timeout },
  );

export const visible = (page, selector) => page.waitForSelector(selector, { state: "visible", timeout: LONG });

/** Waits until `count` peers are connected: by this path, if one is named. */
export async function connected(page, count, path = "") {
  const found = () => peers(page).then((peers) => peers.filter((peer) => !path || peer.path === path).length);
  await until(async () => (await found()) >= count, `${count} peers are connected ${path}`);
}

/** The peers of the page's node. */
export const peers = (page) => page.evaluate(async () => (await globalThis.mydht?.peers()) ?? []);

/** Waits until something holds. */
export async function until(holds, what, timeout = LONG) {
  const end = Date.now() + timeout;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not within ${timeout / 1000} s: ${what}`);
    await sleep(100);
  }
}

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

/** Takes a CPU profile of a page from now on: what it gives saves it under a name, and gives the heaviest functions. */
export async function profiled(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("Profiler.enable");
  await session.send("Profiler.setSamplingInterval", { interval: 200 });
  await session.send("Profiler.start");
  return async (name) => {
    const ended = await session.send("Profiler.stop");
    await writeFile(`${name}.cpuprofile`, JSON.stringify(ended.profile));
    return heaviest(ended.profile);
  };
}

/**
 * Measures the processor's time that the calls into the pages of a browser take: their timers' and callbacks' too, not their
 * nodes' turns alone. Given what the nodes counted, what comes of it says for the pages with the most calls how many there were,
 * the longest, and the one that as many are longer than as a hundredth of the turns is: no shorter than the turns' own 99th
 * percentile. In milliseconds.
 */
export async function traced(browser) {
  const session = await browser.newBrowserCDPSession();
  const calls = new Map();
  session.on("Tracing.dataCollected", ({ value }) => {
    for (const { name, pid, tdur } of value) {
      if (name !== "FunctionCall" || tdur === undefined) continue;
      if (!calls.has(pid)) calls.set(pid, []);
      calls.get(pid).push(tdur / 1000);
    }
  });
  await session.send("Tracing.start", {
    transferMode: "ReportEvents",
    traceConfig: { includedCategories: ["devtools.timeline"] },
  });
  return async (turns) => {
    const complete = new Promise((then) => session.once("Tracing.tracingComplete", then));
    await session.send("Tracing.end");
    await complete;
    await session.detach();
    const rank = Math.floor(Math.max(...turns.map(({ count }) => count)) / 100);
    const pages = [...calls.values()].sort((one, other) => other.length - one.length).slice(0, turns.length);
    return pages.map((times) => {
      times.sort((one, other) => other - one);
      return { count: times.length, percentile99: times[rank], longest: times[0] };
    });
  };
}

/** Puts what is chosen as a file, and gives its key. */
export async function putFile(page, file, name) {
  await page.setInputFiles("#file", file);
  await text(page, "#put-result", name);
  await visible(page, "#put-key-line");
  return page.textContent("#put-key");
}

/** Drops a file on the page, as a hand does. */
export async function dropFile(page, path, name) {
  const bytes = (await readFile(path)).toString("base64");
  const data = await page.evaluateHandle(
    ([base64, name]) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([bytes], name));
      return transfer;
    },
    [bytes, name],
  );
  await page.dispatchEvent("#drop", "drop", { dataTransfer: data });
  await visible(page, "#put-key-line");
  await text(page, "#put-result", name);
  return page.textContent("#put-key");
}

export async function ask(page, key) {
  await page.fill("#key", key);
  await page.press("#key", "Enter");
}

/** Gets a file by its key, saves it, and gives its hash. */
export async function getFile(page, key) {
  await ask(page, key);
  await visible(page, "#got-file");
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#got-file")]);
  return sha256(await readFile(await download.path()));
}

/** Screenshots of all pages, for who looks for what went wrong; and what each says. */
export async function autopsy(context, folder) {
  const said = [];
  for (const [index, page] of context.pages().entries()) {
    await page.screenshot({ path: join(folder, `failed-${index}.png`), fullPage: true }).catch(() => {});
    said.push(await page.innerText("main").catch(() => "a page that does not answer"));
  }
  return said;
}
