// The network as this node sees it: itself in the middle, those in its room around it, and the server above where it
// carries what they say.

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [320, 240];

function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

/** The first digits of an id: enough to tell a few nodes apart. */
export const short = (id) => id.slice(0, 6);

/** What a path is called. */
export const PATHS = {
  direct: "directly",
  relayed: "through the server",
};

/**
 * Draws the network.
 *
 * `users`: ids, each with its path, "direct" or "relayed", or undefined if it is not connected. `flow`: bytes a second,
 * in and out.
 */
export function draw(svg, own, users, flow) {
  const [x, y] = [WIDTH / 2, HEIGHT / 2];
  const server = [x, 22];
  const drawn = [];
  const nodes = [];
  const flowing = flow.in + flow.out > 0 ? ` flows${flow.out > flow.in ? " out" : ""}` : "";
  users.forEach(({ id, path }, index) => {
    // Clockwise around this node; the top is the server's.
    const from = [90, 90, 60][users.length - 1] ?? 40;
    const step = users.length > 1 ? (360 - 2 * from) / (users.length - 1) : 0;
    const angle = (Math.PI / 180) * (from + step * index);
    const [px, py] = [x + 120 * Math.sin(angle), y - 80 * Math.cos(angle)];
    const by = path === "relayed" ? [[px, py], server, [x, y]] : [[px, py], [x, y]];
    const style = path ? `link ${path}${flowing}` : "link absent";
    drawn.push(element("polyline", { points: by.map((point) => point.map(Math.round).join(",")).join(" "), class: style }));
    const node = element("g", { class: path ? "" : "absent" });
    node.append(
      element("circle", { cx: px, cy: py, r: 10, class: "peer" }),
      element("text", { x: px, y: py + 21 }, short(id)),
    );
    nodes.push(node);
  });
  if (users.some(({ path }) => path === "relayed")) {
    nodes.push(
      element("rect", { x: server[0] - 9, y: server[1] - 9, width: 18, height: 18, rx: 3, class: "server" }),
      element("text", { x: server[0], y: server[1] - 12 }, "server"),
    );
  }
  nodes.push(
    element("circle", { cx: x, cy: y, r: 14, class: "own" }),
    element("text", { x, y: y + 26 }, `${short(own)} (this)`),
  );
  svg.replaceChildren(...drawn, ...nodes);
}
