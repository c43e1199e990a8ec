// The page of a node: what it shows, and what its buttons do.

import init, { Node } from "./mydht.js";
import { PATHS, draw, short } from "./network.js";

const find = (id) => document.getElementById(id);
const LOG_LINES = 100;

/** "1.5 MB" */
function size(bytes) {
  const units = ["bytes", "kB", "MB", "GB"];
  let unit = 0;
  while (bytes >= 1000 && unit < units.length - 1) {
    bytes /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? bytes : bytes.toFixed(1)} ${units[unit]}`;
}

function log(text) {
  const line = document.createElement("li");
  const time = document.createElement("time");
  const now = new Date();
  time.dateTime = now.toISOString();
  time.textContent = now.toLocaleTimeString();
  line.append(time, text);
  find("log").prepend(line);
  while (find("log").children.length > LOG_LINES) find("log").lastChild.remove();
}

function say(where, text, failed = false) {
  const line = find(where);
  line.textContent = text;
  line.classList.toggle("failed", failed);
}

const words = (error) => (error instanceof Error ? error.message : String(error));

/** A progress bar that is there while something moves. */
function bar(which, what) {
  const [box, label, progress] = [`${which}-progress`, `${which}-label`, `${which}-bar`].map(find);
  label.textContent = what;
  progress.removeAttribute("value");
  box.hidden = false;
  return {
    moved(done, total) {
      progress.max = total;
      progress.value = done;
      label.textContent = `${what}: ${size(done)} of ${size(total)}`;
    },
    end() {
      box.hidden = true;
    },
  };
}

let node;
/** Those in the room, by id. */
const room = new Set();

function state(text, kind) {
  const line = find("state");
  if (line.textContent === text) return;
  line.textContent = text;
  line.dataset.state = kind;
  log(text);
}

function showState() {
  const text = node.state;
  const kind = node.online ? "online" : text.startsWith("ended") ? "ended" : "waiting";
  state(text.charAt(0).toUpperCase() + text.slice(1), kind);
  find("restart").hidden = kind !== "ended";
  if (!node.online) room.clear();
}

function hear(event) {
  switch (event.type) {
    case "joined":
      room.clear();
      event.users.forEach((user) => room.add(user));
      log(event.users.length ? `In the room with ${event.users.map(short).join(", ")}` : "First in the room");
      break;
    case "entered":
      room.add(event.user);
      log(`${short(event.user)} came`);
      break;
    case "left":
      room.delete(event.user);
      log(`${short(event.user)} left`);
      break;
    case "relay-closed":
      log(`Nothing goes to ${short(event.user)} through the server: ${event.why}`);
      break;
    case "warning":
      log(`Warning: ${event.why}`);
      break;
    case "ended":
      state(`This node has ended: ${event.why}`, "ended");
      find("restart").hidden = false;
      break;
  }
  if (node && event.type === "state") showState();
}

/** What was counted last, and when. */
let last = { bytesIn: 0, bytesOut: 0, at: performance.now() };
/** The paths of the peers that were connected when it was last looked, by id. */
let paths = new Map();

/** Says what has changed since. */
function tellChanges(now) {
  for (const [id, path] of now) {
    const before = paths.get(id);
    if (!before) log(`Connected with ${short(id)}, ${PATHS[path]}`);
    else if (before !== path) log(`${short(id)} is connected ${PATHS[path]} now`);
  }
  for (const id of paths.keys()) {
    if (!now.has(id)) log(`No connection with ${short(id)} any more`);
  }
  paths = now;
}

function summary(users) {
  const count = (path) => users.filter((user) => user.path === path).length;
  const [direct, relayed, absent] = [count("direct"), count("relayed"), count(undefined)];
  const connected = direct + relayed;
  const ways = [direct && `${direct} ${PATHS.direct}`, relayed && `${relayed} ${PATHS.relayed}`].filter(Boolean);
  const how = connected ? ` (${ways.join(", ")})` : "";
  const others = absent ? `, ${absent} more in the room` : "";
  return `${connected} ${connected === 1 ? "peer is" : "peers are"} connected${how}${others}.`;
}

async function look() {
  const now = new Map((await node.peers()).map(({ id, path }) => [id, path]));
  tellChanges(now);
  const stats = node.stats;
  const at = performance.now();
  const seconds = (at - last.at) / 1000;
  const flow = {
    in: (stats.bytesIn - last.bytesIn) / seconds,
    out: (stats.bytesOut - last.bytesOut) / seconds,
  };
  last = { ...stats, at };
  const users = [...new Set([...now.keys(), ...room])].sort().map((id) => ({ id, path: now.get(id) }));
  draw(find("network"), node.id, users, flow);
  const text = summary(users);
  if (find("network-summary").textContent !== text) find("network-summary").textContent = text;
  find("traffic").textContent =
    `${size(stats.bytesIn)} in, ${size(stats.bytesOut)} out (now ${size(Math.round(flow.in))}/s in, ${size(Math.round(flow.out))}/s out)`;
  find("peers").replaceChildren(
    ...users.map(({ id, path }) => {
      const line = document.createElement("li");
      line.className = "key";
      line.textContent = `${id}: ${path ? `connected ${PATHS[path]}` : "in the room, not connected"}`;
      return line;
    }),
  );
}

const copies = (count) =>
  count === 0
    ? "kept here; no peer is there yet to keep a copy"
    : `in the network: kept here and by ${count === 1 ? "one peer" : `${count} peers`}`;

async function put(what, action) {
  find("put-key-line").hidden = true;
  say("put-result", "");
  const moving = bar("put", `Putting ${what}`);
  try {
    const { key, copies: count, unkept } = await action(moving.moved);
    say("put-result", `${what} is ${copies(count)}.${unkept ? ` It is gone from here with the page: ${unkept}.` : ""}`);
    find("put-key").textContent = key;
    find("put-key-line").hidden = false;
    find("key").value = key;
    log(`${what} was put`);
  } catch (error) {
    say("put-result", `${what} could not be put: ${words(error)}.`, true);
    log(`${what} could not be put: ${words(error)}`);
  } finally {
    moving.end();
  }
}

async function putFile(file) {
  await put(file.name, (moved) => node.putFile(file.name, file, moved));
}

let shownFile;

function offer(name, file) {
  if (shownFile) URL.revokeObjectURL(shownFile);
  shownFile = URL.createObjectURL(file);
  const link = find("got-file");
  link.href = shownFile;
  link.download = name;
  link.textContent = `Save ${name} (${size(file.size)})`;
  link.hidden = false;
}

/**
 * Gets what is under a key. A file of which a part has come is gone on with when its giver was lost, as long as more comes:
 * what is here is kept.
 */
async function getPatiently(key, moving) {
  let [here, before] = [0, 0];
  const moved = (done, total) => {
    here = done;
    moving.moved(done, total);
  };
  for (;;) {
    let why;
    try {
      const found = await node.get(key, moved);
      if (found || here <= before) return found;
      why = "nobody who is there has it";
    } catch (error) {
      if (here <= before) throw error;
      why = words(error);
    }
    before = here;
    say("get-result", `Interrupted: ${why}. It goes on when a peer is there.`);
    log(`Interrupted: ${why}`);
    await node.awaitPeer(60);
  }
}

async function get(key) {
  find("got-text").hidden = true;
  find("got-file").hidden = true;
  say("get-result", "");
  const moving = bar("get", "Getting it");
  try {
    const found = await getPatiently(key, moving);
    if (!found) {
      say("get-result", "Nobody has it.", true);
    } else if (found.kind === "file") {
      say("get-result", `Got ${found.name}; it is checked against its hash.`);
      offer(found.name, found.file);
    } else {
      try {
        find("got-text").textContent = new TextDecoder("utf-8", { fatal: true }).decode(found.bytes);
        find("got-text").hidden = false;
        say("get-result", "Got a text:");
      } catch {
        say("get-result", "Got bytes that are no text.");
        offer("value", new Blob([found.bytes]));
      }
    }
    log(found ? `Got ${short(key)}…` : `Nobody has ${short(key)}…`);
  } catch (error) {
    say("get-result", `It could not be got: ${words(error)}.`, true);
  } finally {
    moving.end();
  }
}

function listen() {
  find("put-text").addEventListener("submit", (event) => {
    event.preventDefault();
    const bytes = new TextEncoder().encode(find("text").value);
    put("The text", () => node.put(bytes, find("name").value || undefined));
  });
  find("get").addEventListener("submit", (event) => {
    event.preventDefault();
    get(find("key").value.trim());
  });
  find("file").addEventListener("change", () => {
    const [file] = find("file").files;
    if (file) putFile(file);
  });
  const shown = () => showStored().catch((error) => (find("stored-summary").textContent = `It cannot be listed: ${words(error)}.`));
  find("stored").addEventListener("toggle", () => find("stored").open && shown());
  find("stored-again").addEventListener("click", shown);
  find("verify").addEventListener("click", verifyStored);
  const drop = find("drop");
  const over = (is) => (event) => {
    event.preventDefault();
    drop.classList.toggle("over", is);
  };
  drop.addEventListener("dragover", over(true));
  drop.addEventListener("dragleave", over(false));
  drop.addEventListener("drop", (event) => {
    over(false)(event);
    const [file] = event.dataTransfer.files;
    if (file) putFile(file);
  });
  for (const button of document.querySelectorAll("[data-copies]")) {
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(find(button.dataset.copies).textContent);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Not allowed";
      }
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
  }
}

/** How much of it is here. */
const share = (part, whole) => (part === whole ? "whole" : `${Math.floor((100 * part) / whole)} %`);

const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;

/** What the node has in this browser: what `mydht store list`, `inspect` and `size` say of a folder. */
async function showStored() {
  const { records, damaged, mostRecords, mostBytes } = await node.stored();
  const files = records.filter(({ file }) => file !== undefined);
  const whole = files.filter(({ size, here }) => size === here);
  const sum = (list, member) => list.reduce((sum, record) => sum + record[member], 0);
  const values = records.filter(({ file }) => file === undefined);
  const begun = files.length - whole.length;
  const lines = [
    `${count(records.length, "record", "records")} of ${mostRecords} at most; values of ${size(sum(values, "size"))}, of ${size(mostBytes)} at most`,
    `${count(whole.length, "file", "files")}, ${size(sum(whole, "size"))}; ${begun} begun, ${size(sum(files, "here") - sum(whole, "here"))}`,
  ];
  const room = await navigator.storage?.estimate?.();
  if (room?.quota) lines.push(`This browser gives ${size(room.quota)}; ${size(room.usage)} of it is used`);
  if (!node.profile) lines.unshift("This node keeps nothing in this browser");
  find("stored-summary").textContent = `${lines.join(". ")}.`;
  const cell = (text, kind = "td") => Object.assign(document.createElement(kind), { textContent: text });
  find("stored-rows").replaceChildren(
    ...records.map((record) => {
      const row = document.createElement("tr");
      const key = cell(record.key, "th");
      key.scope = "row";
      key.className = "key";
      const what = record.file === undefined ? "a value" : `the file ${record.file}`;
      const until = record.expires ? `, until ${new Date(record.expires).toLocaleString()}` : "";
      row.append(
        key,
        cell(`${what}${until}; its key is ${record.keyIs}`),
        cell(size(record.size)),
        cell(share(record.here, record.size)),
      );
      row.title = `Content: ${record.content}`;
      return row;
    }),
  );
  find("stored-damaged").textContent = damaged.length ? `Not readable: ${damaged.join("; ")}.` : "";
}

/** Reads all of it and checks it, as `mydht store verify` does. */
async function verifyStored() {
  find("verify").disabled = true;
  say("verify-result", "");
  const moving = bar("verify", "Checking");
  try {
    const { right, wrong } = await node.verifyStored(moving.moved);
    const told = wrong.map(({ key, why }) => (key ? `${key}: ${why}` : why)).join("; ");
    say("verify-result", `${right} right, ${wrong.length} wrong${told && `: ${told}`}.`, wrong.length > 0);
  } catch (error) {
    say("verify-result", `It could not be checked: ${words(error)}.`, true);
  } finally {
    moving.end();
    find("verify").disabled = false;
  }
}

/** A node that is kept, if the browser keeps anything; otherwise one that is not, if that is wanted. */
async function begin(options) {
  try {
    const kept = await Node.open(options, hear);
    find("kept").textContent =
      `its identity, and what is put and got, in this browser (profile ${kept.profile})`;
    return kept;
  } catch (error) {
    const why = words(error);
    find("choice-why").textContent =
      `This node cannot be kept: ${why}. Without that it has a new id, and what is put here is gone with the page.`;
    find("choice").hidden = false;
    state("Waiting for your choice", "waiting");
    await new Promise((then) => find("without").addEventListener("click", then, { once: true }));
    find("choice").hidden = true;
    find("kept").textContent = "nothing: all of it is gone when the page is closed";
    return new Node(options, hear);
  }
}

async function start() {
  await init();
  const query = new URLSearchParams(location.search);
  const options = { room: query.get("room") ?? "lobby" };
  if (query.has("server")) options.servers = query.getAll("server");
  if (query.has("profile")) options.profile = query.get("profile");
  if (query.has("ice")) options.iceServers = [{ urls: query.getAll("ice") }];
  find("room").textContent = options.room;
  find("invite").href = location.href;
  find("restart").addEventListener("click", () => location.reload());
  node = await begin(options);
  // For whoever is curious: `mydht.turns` in the console says how long the node's turns took.
  globalThis.mydht = node;
  find("id").textContent = node.id;
  showState();
  listen();
  for (;;) {
    await look();
    await new Promise((then) => setTimeout(then, 500));
  }
}

start().catch((error) => {
  state(`This page cannot be a node: ${words(error)}`, "ended");
  find("restart").hidden = false;
});
