// The page: an image is picked or drawn, the network runs, and every station shows what became of it.

const data = JSON.parse(document.getElementById("data").textContent);
const network = prepare(data.input, data.steps);
const images = data.images.data.map((text) =>
  data.images.is_bytes ? Float32Array.from(bytes(text), (value) => value / 255) : floats(text),
);
Object.assign(tones, data.images.tones);
let state = null;
let picked = null;
let waiting = false;

const board = makeBoard(data.input, images.length ? images[0] : blank(data.input), (pixels) => {
  picked = images.findIndex((image) => image.every((value, i) => value === pixels[i]));
  markPicked();
  schedule();
});
const stations = network.steps.map((_, i) => makeStation(network, i + 1, data.classes));
const bars = makeBars(data.classes);
const verdict = document.getElementById("verdict");
const compact = element("canvas", { class: "map" });
const inSight = new Set();

document.getElementById("board").append(board.element);
document.getElementById("bars").append(bars.element);
document.getElementById("compact").prepend(compact);

const thumbnails = images.map((image, i) => {
  const canvas = paintImage(element("canvas", { class: "map" }), image, data.input);
  const name = [data.classes[data.labels[i]], ...data.files.slice(i, i + 1)].join(": ");
  const attributes = { type: "button", class: "thumbnail", title: name, "aria-label": `Test image: ${name}` };
  return element("button", { ...attributes, onclick: () => board.set(image) }, canvas);
});
document.getElementById("thumbnails").append(...thumbnails);

// A column for each class that there are images of.
const columns = new Map();
thumbnails.forEach((thumbnail, i) => {
  const column = columns.get(data.labels[i]) ?? { number: columns.size + 1, rows: 0 };
  columns.set(data.labels[i], { ...column, rows: column.rows + 1 });
  Object.assign(thumbnail.style, { gridColumn: column.number, gridRow: column.rows + 1 });
});

for (const station of stations) document.getElementById("stations").append(station.element);
for (const [i, step] of network.steps.entries()) {
  const link = element("a", { href: `#step-${i + 1}` }, titleOf(step));
  document.getElementById("contents").append(element("li", {}, link));
}

const observer = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      const i = stations.findIndex((station) => station.element === target);
      if (isIntersecting) inSight.add(i);
      else inSight.delete(i);
      if (isIntersecting) stations[i].arrive();
    }
  },
  { rootMargin: "400px" },
);
for (const station of stations) observer.observe(station.element);

darkness.addEventListener("change", () => stations.forEach((station) => station.redraw()));

/** Run the network before the next frame, once for all changes until then. */
function schedule() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    compute();
  });
}

function compute() {
  state = run(network, board.pixels());
  stations.forEach((station, i) => station.update(state, inSight.has(i)));
  bars.paint(state.probabilities, true, 1);
  paintImage(compact, board.pixels(), data.input);
  const highest = state.probabilities.indexOf(Math.max(...state.probabilities));
  const said = `${data.classes[highest]}, ${percent(state.probabilities[highest])}`;
  document.getElementById("brief").textContent = said;
  const label = picked >= 0 ? data.labels[picked] : null;
  const file = picked >= 0 && data.files.length ? `${data.files[picked]}: the` : "The";
  verdict.replaceChildren(`${file} network says `, element("strong", {}, data.classes[highest]));
  if (label === null) verdict.append(".");
  else if (label === highest) verdict.append(", and so does the label. ", element("span", { class: "right" }, "✓"));
  else verdict.append(`, but the label says ${data.classes[label]}. `, element("span", { class: "wrong" }, "✗"));
}

function markPicked() {
  thumbnails.forEach((thumbnail, i) => thumbnail.setAttribute("aria-pressed", i === picked));
}

board.show();

// For the console: what the page has now.
window.explained = {
  pixels: () => Array.from(board.pixels()),
  probabilities: () => Array.from(run(network, board.pixels()).probabilities),
  values: () => run(network, board.pixels()).values.map((value) => Array.from(value)),
};
