// The page of a node: what it shows, and what its buttons do.

import init, { Node } from "./mydht.js";
import { draw, short } from "./network.js";

const find = (id) => document.getElementById(id);
const LOG_LINES = 100;

/** The secret of this tab's id: kept over a reload, gone with the tab. */
function seed(fresh) {
  const kept = fresh ? null : sessionStorage.getItem("mydht-seed");
  if (kept && /^[0-9a-f]{64}$/.test(kept)) {
    return Uint8Array.from(kept.match(/../g), (digits) => parseInt(digits, 16));
  }
  const made = crypto.getRandomValues(new Uint8Array(32));
  const digits = Array.from(made, (byte) => byte.toString(16).padStart(2, "0"));
  sessionStorage.setItem("mydht-seed", digits.join(""));
  return made;
}

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
    case "relay-open":
      log(`Connected with ${short(event.user)}, over the server`);
      break;
    case "relay-closed":
      log(`No connection with ${short(event.user)}: ${event.why}`);
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

async function look() {
  const peers = new Set(await node.peers());
  const stats = node.stats;
  const at = performance.now();
  const seconds = (at - last.at) / 1000;
  const flow = {
    in: (stats.bytesIn - last.bytesIn) / seconds,
    out: (stats.bytesOut - last.bytesOut) / seconds,
  };
  last = { ...stats, at };
  const users = [...new Set([...peers, ...room])].sort().map((id) => ({ id, connected: peers.has(id) }));
  draw(find("network"), node.id, users, flow);
  const count = peers.size === 1 ? "1 peer is connected" : `${peers.size} peers are connected`;
  const others = users.length - peers.size;
  const summary = others ? `${count}, ${others} more in the room.` : `${count}.`;
  if (find("network-summary").textContent !== summary) find("network-summary").textContent = summary;
  find("traffic").textContent =
    `${size(stats.bytesIn)} in, ${size(stats.bytesOut)} out (now ${size(Math.round(flow.in))}/s in, ${size(Math.round(flow.out))}/s out)`;
  find("peers").replaceChildren(
    ...users.map(({ id, connected }) => {
      const line = document.createElement("li");
      line.className = "key";
      line.textContent = `${id}: ${connected ? "connected" : "in the room, not connected"}`;
      return line;
    }),
  );
}

async function put(what, action) {
  find("put-key-line").hidden = true;
  say("put-result", "");
  const moving = bar("put", `Putting ${what}`);
  try {
    const key = await action(moving.moved);
    say("put-result", `${what} is in the network.`);
    find("put-key").textContent = key;
    find("put-key-line").hidden = false;
    find("key").value = key;
    log(`Put ${what}`);
  } catch (error) {
    say("put-result", `${what} could not be put: ${words(error)}.`, true);
    log(`Could not put ${what}: ${words(error)}`);
  } finally {
    moving.end();
  }
}

async function putFile(file) {
  await put(file.name, async (moved) => {
    const bytes = new Uint8Array(await file.arrayBuffer());
    return node.putFile(file.name, bytes, moved);
  });
}

let shownFile;

function offer(name, bytes) {
  if (shownFile) URL.revokeObjectURL(shownFile);
  shownFile = URL.createObjectURL(new Blob([bytes]));
  const link = find("got-file");
  link.href = shownFile;
  link.download = name;
  link.textContent = `Save ${name} (${size(bytes.length)})`;
  link.hidden = false;
}

async function get(key) {
  find("got-text").hidden = true;
  find("got-file").hidden = true;
  say("get-result", "");
  const moving = bar("get", "Getting it");
  try {
    const found = await node.get(key, moving.moved);
    if (!found) {
      say("get-result", "Nobody has it.", true);
    } else if (found.kind === "file") {
      say("get-result", `Got ${found.name}; it is checked against its hash.`);
      offer(found.name, found.bytes);
    } else {
      try {
        find("got-text").textContent = new TextDecoder("utf-8", { fatal: true }).decode(found.bytes);
        find("got-text").hidden = false;
        say("get-result", "Got a text:");
      } catch {
        say("get-result", "Got bytes that are no text.");
        offer("value", found.bytes);
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
  find("restart").addEventListener("click", () => {
    seed(true);
    location.reload();
  });
}

async function start() {
  await init();
  const query = new URLSearchParams(location.search);
  const options = { seed: seed(false), room: query.get("room") ?? undefined };
  if (query.has("server")) options.servers = query.getAll("server");
  node = new Node(options, hear);
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
