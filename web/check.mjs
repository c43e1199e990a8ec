// Drives the page in two tabs of Chromium: a text and a file are put in one, and got in the other.
//
// node check.mjs URL FILE FOLDER: prints what was seen as one JSON object, and saves screenshots into FOLDER.
// It needs playwright-core (npm) and Chromium.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { chromium } from "playwright-core";

const [url, file, folder] = process.argv.slice(2);
const LONG = 120_000;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
const context = await browser.newContext({ acceptDownloads: true });
const problems = [];

async function tab() {
  const page = await context.newPage();
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  await page.goto(url);
  return page;
}

const text = (page, selector, wanted) =>
  page.waitForFunction(
    ([selector, wanted]) => document.querySelector(selector).textContent.includes(wanted),
    [selector, wanted],
    { timeout: LONG },
  );
const visible = (page, selector) => page.waitForSelector(selector, { state: "visible", timeout: LONG });

async function got(page) {
  await visible(page, "#got-file");
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#got-file")]);
  return createHash("sha256").update(await readFile(await download.path())).digest("hex");
}

const result = {};
try {
  const a = await tab();
  const b = await tab();
  for (const page of [a, b]) {
    await text(page, "#state", "Online");
    await text(page, "#network-summary", "connected");
    await page.waitForFunction(
      () => /[1-9]\d* peers? (is|are) connected/.test(document.querySelector("#network-summary").textContent),
      null,
      { timeout: LONG },
    );
  }

  // By the keyboard alone.
  await a.focus("#text");
  await a.keyboard.type("hello from a page");
  await a.keyboard.press("Tab");
  await a.keyboard.type("greeting");
  await a.keyboard.press("Enter");
  await visible(a, "#put-key-line");
  await b.fill("#key", "greeting");
  await b.press("#key", "Enter");
  await visible(b, "#got-text");
  result.text = await b.textContent("#got-text");

  const begin = Date.now();
  await a.setInputFiles("#file", file);
  await text(a, "#put-result", `${basename(file)} is in the network`);
  result.key = await a.textContent("#put-key");
  result.putSeconds = (Date.now() - begin) / 1000;
  await b.fill("#key", result.key);
  await b.press("#key", "Enter");
  result.sha256 = await got(b);
  result.expected = createHash("sha256").update(await readFile(file)).digest("hex");

  await b.fill("#key", "nobody has this");
  await b.press("#key", "Enter");
  await text(b, "#get-result", "Nobody has it");

  await a.screenshot({ path: join(folder, "page.png"), fullPage: true });
  await a.setViewportSize({ width: 360, height: 740 });
  result.widthOnPhone = await a.evaluate(() => document.documentElement.scrollWidth);
  await a.screenshot({ path: join(folder, "page-phone.png"), fullPage: true });

  // A reload keeps the id, and the peers come back.
  const id = await b.textContent("#id");
  await b.reload();
  await text(b, "#id", id);
  await b.waitForFunction(
    () => /[1-9]\d* peers? (is|are) connected/.test(document.querySelector("#network-summary").textContent),
    null,
    { timeout: LONG },
  );
  await b.fill("#key", "greeting");
  await b.press("#key", "Enter");
  await visible(b, "#got-text");
  result.afterReload = await b.textContent("#got-text");
} catch (error) {
  problems.push(String(error));
  for (const [index, page] of context.pages().entries()) {
    await page.screenshot({ path: join(folder, `failed-${index}.png`), fullPage: true }).catch(() => {});
    problems.push(await page.textContent("main").catch(() => ""));
  }
}
await browser.close();
result.problems = problems;
result.good =
  problems.length === 0 &&
  result.text === "hello from a page" &&
  result.afterReload === result.text &&
  result.sha256 === result.expected &&
  result.widthOnPhone <= 360;
console.log(JSON.stringify(result, null, 2));
process.exit(result.good ? 0 : 1);
