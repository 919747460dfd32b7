// The page: an image is picked or drawn, the network runs, and every station shows what became of it.

const data = JSON.parse(document.getElementById("data").textContent);
const network = prepare(data.input, data.steps);
const images = data.images.data.map((text) =>
  data.images.is_bytes ? Float32Array.from(bytes(text), (value) => value / 255) : floats(text),
);
Object.assign(tones, data.images.tones);
readPalette(data.colors);
const place = (id) => document.getElementById(id);
let state = null;
let picked = null;
let waiting = false;

const board = makeBoard(data.input, images.length ? images[0] : blank(data.input), (pixels) => {
  picked = images.findIndex((image) => image.every((value, i) => value === pixels[i]));
  markPicked();
  schedule();
});
const stations = network.steps.map((_, i) => makeStation(network, i + 1, data.classes));
const seen = makeResult(network, data.classes);
const own = makeOwn(data.input, data.reading, board);
const comparison = makeComparison(network, data.classes, {
  present: () => {
    if (waiting) compute();
    return { pixels: board.pixels(), state, name: nameShown() };
  },
  show: board.set,
  changed: tell,
});
const mattered = makeMattered(network, data.classes);
const compact = element("canvas", { class: "map" });
const inSight = new Set();

place("board").append(board.element);
place("own").append(own.element);
place("compare").append(comparison.tools);
place("seen").append(seen.element, comparison.element);
place("overview").after(mattered.element);
place("compact").prepend(compact);
stations.forEach((station, i) => {
  place("stations").append(station.element);
  station.append(makePairs(network, i + 1, data.classes, comparison.state));
});
for (const [i, step] of network.steps.entries()) {
  place("contents").append(element("li", {}, element("a", { href: `#step-${i + 1}` }, titleOf(step))));
}
place("count").textContent = `All ${network.steps.length} steps`;

// Thumbnails: neighbors of one class stand together, above its name.
const thumbnails = images.map((image, i) => {
  const canvas = paintImage(element("canvas", { class: "map" }), image, data.input);
  const name = [nameOf(i), ...data.files.slice(i, i + 1)].filter(Boolean).join(": ") || `picture ${i + 1}`;
  const attributes = { type: "button", class: "thumbnail", title: name, "aria-label": `Test image: ${name}` };
  return element("button", { ...attributes, onclick: () => board.set(image) }, canvas);
});
let group = null;
thumbnails.forEach((thumbnail, i) => {
  const name = nameOf(i);
  if (!group || group.name !== name) {
    group = { name, pictures: element("div", { class: "pictures" }) };
    const caption = name && element("figcaption", { title: name }, name);
    place("thumbnails").append(element("figure", { class: name ? null : "unnamed" }, group.pictures, caption));
  }
  group.pictures.append(thumbnail);
});

function nameOf(image) {
  return data.labels ? data.classes[data.labels[image]] : null;
}

/** Show a map of a block's last step, where it's looked at next. */
function show([, last], map) {
  if (last && map >= 0) stations[last - 1].look(map);
}

const play = makePlay();
place("stations").after(play.element);
linkToPlay(network, stations, play);
const ablation = makeAblation(network, data.classes, stations, schedule);
document.querySelector("main").before(ablation.element);

const overview = makeOverview(network, data.blocks, {
  height: () => Math.min(600, Math.max(260, innerHeight - place("plan").getBoundingClientRect().top - scrollY - 90)),
  go: show,
});
const mini = makeOverview(network, data.blocks, { isMini: true, height: () => 110, go: show });
place("plan").append(overview.element);
place("mini").append(mini.element);

const learned = data.epochs ? [makeLearned(data, network)] : [];
for (const { element: section } of learned) place("overview").after(section);

const observer = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      const i = stations.findIndex((station) => station.element === target);
      if (isIntersecting) inSight.add(i);
      else inSight.delete(i);
      if (isIntersecting) stations[i].arrive();
    }
  },
  { rootMargin: `${REACH}px` },
);
for (const station of stations) observer.observe(station.element);
const wholeInSight = ([{ isIntersecting }]) => place("mini").classList.toggle("away", isIntersecting);
new IntersectionObserver(wholeInSight).observe(place("overview"));

// The small map follows the reader.
let isFollowing = false;
addEventListener("scroll", () => {
  if (isFollowing) return;
  isFollowing = true;
  requestAnimationFrame(() => {
    isFollowing = false;
    const later = stations.findIndex((station) => station.element.getBoundingClientRect().top > innerHeight / 3);
    mini.mark(later < 0 ? stations.length : later);
  });
});

function redraw() {
  for (const one of [...stations, overview, mini, play, mattered, ...learned]) one.redraw();
  seen.paint(state);
  comparison.paint(state);
}

darkness.addEventListener("change", redraw);

// On paper every step is drawn, in the colors of daylight.
for (const [event, isPrinted] of [["beforeprint", true], ["afterprint", false]]) {
  addEventListener(event, () => {
    paper.isPrinted = isPrinted;
    if (waiting) compute();
    place("all").open ||= isPrinted;
    redraw();
  });
}

/** Run the network before the next frame, once for all changes until then. */
function schedule() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => waiting && compute());
}

function compute() {
  waiting = false;
  state = run(network, board.pixels());
  tell();
}

/** Have everything on the page show the state. */
function tell() {
  stations.forEach((station, i) => station.update(state, inSight.has(i)));
  overview.paint(state);
  mini.paint(state);
  ablation.update(state);
  seen.paint(state);
  seen.element.hidden = comparison.state() !== null;
  comparison.paint(state);
  mattered.update(state, board.pixels());
  paintImage(compact, board.pixels(), data.input);
  place("brief").textContent = seen.said;
  place("verdict").replaceChildren(...verdict());
}

/** What the picture shown is called: its file, or else the class that it's labelled with; null for what is drawn. */
function nameShown() {
  return picked >= 0 ? data.files[picked] || nameOf(picked) : own.name(board.pixels());
}

/** What the network says of the picture, and whether the label says so too. */
function verdict() {
  const file = picked >= 0 ? data.files[picked] : own.name(board.pixels());
  if (!seen.highest) return [file ? `${file}: ` : "", seen.said];
  const highest = seen.highest(state);
  const begin = [file ? `${file}: the network says ` : "The network says ", element("strong", {}, data.classes[highest])];
  const label = picked >= 0 && data.labels ? data.labels[picked] : null;
  if (label === null) return [...begin, "."];
  if (label === highest) return [...begin, ", and so does the label. ", icon("right", "right")];
  return [...begin, `, but the label says ${data.classes[label]}. `, icon("wrong", "wrong")];
}

function markPicked() {
  thumbnails.forEach((thumbnail, i) => thumbnail.setAttribute("aria-pressed", i === picked));
}

board.show();
compute();
followLinks(stations);

// For the console: what the page has now.
window.explained = {
  pixels: () => Array.from(board.pixels()),
  probabilities: () => Array.from(run(network, board.pixels()).probabilities),
  compute(number, values) {
    const step = network.steps[number - 1];
    return Array.from(COMPUTE[step.kind](step, ...step.from.map((value) => Float32Array.from(values[value]))));
  },
  feeds: (block, map) => blockFeeds(network, data.blocks[block].steps, map),
  gradient: (chosen) => Array.from(inputGradient(network, run(network, board.pixels()), chosen)),
  kinds: () => [COMPUTE, BACKWARD, FORMULAS, SLOPES].map((known) => Object.keys(known).sort()),
  lost: () => mattered.lost(),
  values: () => run(network, board.pixels()).values.map((value) => Array.from(value)),
};
