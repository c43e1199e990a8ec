// The network as this node sees it: itself in the middle, those in its room around it.

const SVG = "http://www.w3.org/2000/svg";

function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

/** The first digits of an id: enough to tell a few nodes apart. */
export const short = (id) => id.slice(0, 6);

/**
 * Draws the network.
 *
 * `users`: ids with whether each is connected. `flow`: bytes a second, in and out.
 */
export function draw(svg, own, users, flow) {
  const [width, height] = [320, 220];
  const [x, y] = [width / 2, height / 2 - 6];
  const drawn = [];
  const nodes = [];
  users.forEach(({ id, connected }, index) => {
    const angle = (2 * Math.PI * index) / users.length - Math.PI / 2;
    const [px, py] = [x + 120 * Math.cos(angle), y + 75 * Math.sin(angle)];
    const flows = connected && flow.in + flow.out > 0;
    const way = flow.out > flow.in ? " out" : "";
    const style = connected ? (flows ? `link flows${way}` : "link") : "link absent";
    drawn.push(element("line", { x1: px, y1: py, x2: x, y2: y, class: style }));
    const node = element("g", { class: connected ? "" : "absent" });
    node.append(
      element("circle", { cx: px, cy: py, r: 10, class: "peer" }),
      // Away from the links, which end in the middle.
      element("text", { x: px, y: py < y ? py - 14 : py + 21 }, short(id)),
    );
    nodes.push(node);
  });
  nodes.push(
    element("circle", { cx: x, cy: y, r: 14, class: "own" }),
    element("text", { x, y: y + 26 }, `${short(own)} (this)`),
  );
  svg.replaceChildren(...drawn, ...nodes);
}
