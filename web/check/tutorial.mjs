// The project of docs/tutorials/node-in-a-page.md, as its reader makes it: checked by TypeScript, built by Vite, and used in two
// tabs of Chromium.
//
// node tutorial.mjs MYDHT FOLDER: prints what was seen as one JSON object. MYDHT_VITE names a folder with vite and typescript in its
// node_modules.

import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { autopsy, launch, open, random, run, sha256, signal, text, until } from "./lib.mjs";

const [program, folder] = process.argv.slice(2);
const tools = join(process.env.MYDHT_VITE, "node_modules");
const root = fileURLToPath(new URL("../..", import.meta.url));

/** The address that the tutorial has for the server. */
const SERVER = "http://127.0.0.1:8080";

/** Options of the template that the tutorial names, as far as they find mistakes. */
const TSCONFIG = {
  compilerOptions: {
    target: "es2023",
    lib: ["ES2023", "DOM"],
    types: ["vite/client"],
    module: "esnext",
    moduleResolution: "bundler",
    skipLibCheck: true,
    strict: true,
    noEmit: true,
    noUnusedLocals: true,
    noUnusedParameters: true,
  },
  include: ["src"],
};

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };

/** Writes the project of the tutorial, with what `npm install` would put beside it. */
async function project(server) {
  const page = await readFile(join(root, "docs/tutorials/node-in-a-page.md"), "utf8");
  const blocks = (language) =>
    [...page.matchAll(/^```(\w+)\n(.*?)^```/gms)].filter((found) => found[1] === language).map((found) => found[2]);
  const program = blocks("ts").join("\n");
  if (!program.includes(SERVER)) throw new Error(`the tutorial does not name ${SERVER}`);
  await mkdir(join(folder, "src"));
  await mkdir(join(folder, "node_modules"));
  await writeFile(join(folder, "index.html"), blocks("html")[0]);
  await writeFile(join(folder, "src/main.ts"), program.replace(SERVER, server));
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify(TSCONFIG));
  await writeFile(join(folder, "package.json"), JSON.stringify({ name: "notes", private: true, type: "module" }));
  await symlink(join(root, "web/dist"), join(folder, "node_modules/mydht"));
  await symlink(join(tools, "vite"), join(folder, "node_modules/vite"));
}

const result = {};
const problems = [];
const server = await signal(program);
await project(server.url);
await run(join(tools, ".bin/tsc"), ["--project", folder]);
await run(join(tools, ".bin/vite"), ["build", folder, "--logLevel", "warn"]);

const browser = await launch();
const context = await browser.newContext();
const files = createServer(async (request, response) => {
  const path = request.url === "/" ? "/index.html" : request.url;
  const body = await readFile(join(folder, "dist", path)).catch(() => undefined);
  response.writeHead(body ? 200 : 404, { "Content-Type": TYPES[extname(path)] ?? "application/octet-stream" });
  response.end(body);
});
await new Promise((then) => files.listen(0, "127.0.0.1", then));
const site = `http://127.0.0.1:${files.address().port}/`;

try {
  const a = await open(context, site, problems);
  const b = await open(context, site, problems);
  const note = "bread, milk";
  // Until the other tab is connected, nobody keeps it.
  await until(async () => {
    await a.fill("#text", note);
    await a.click("#write button");
    await text(a, "#found", "other nodes keep it");
    return !(await a.textContent("#found")).startsWith("0 ");
  }, "the other tab keeps the note");
  await b.click("#read");
  await text(b, "#found", note);
  result.note = await b.textContent("#found");

  const bytes = random(300_000);
  await a.setInputFiles("#file", { name: "picture.png", mimeType: "image/png", buffer: bytes });
  await text(a, "#found", "is shared under");
  const key = (await a.textContent("#found")).split(" ").at(-1);
  const fetched = await b.evaluate(async (key) => {
    const file = await globalThis.fetchFile(key);
    return file && [...new Uint8Array(await file.arrayBuffer())];
  }, key);
  result.sameFile = fetched !== undefined && sha256(Buffer.from(fetched)) === sha256(bytes);
  if (!result.sameFile) problems.push("the other tab got another file");
} catch (error) {
  await autopsy(context, folder);
  const said = await Promise.all(context.pages().map((page) => page.innerText("body").catch(String)));
  problems.push(String(error), ...said);
}

await browser.close();
await server.stop();
result.problems = problems;
console.log(JSON.stringify({ tutorial: result }, undefined, 2));
process.exit(problems.length === 0 ? 0 : 1);
