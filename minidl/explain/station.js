// A station is one step of the network on the page: what it does, what it gives, and how one number came about.

const FIRST_MAPS = 16;
const MOST_BARS = 40;
const SLIDE_MILLISECONDS = 140;

/** Make the station of the step that gives value `index`: {element, update(state), wantsUpdate}. */
function makeStation(network, index, classNames) {
  const step = network.steps[index - 1];
  const isImage = step.shape.length === 3;
  const at = { network, index, step, map: 0, row: 0, column: 0, allChannels: false, state: null };
  const [outputs, panel] = [element("div", { class: "outputs" }), element("div", { class: "panel" })];
  const tools = element("div", { class: "tools" });
  const station = element(
    "section",
    { class: `station of-${step.kind}`, id: `step-${index}`, "aria-labelledby": `title-${index}` },
    element(
      "header",
      {},
      element("span", { class: "number" }, String(index)),
      element("h2", { id: `title-${index}` }, titleOf(step)),
      element("code", {}, step.code),
    ),
    element("p", { class: "shapes" }, takes(network, step, index), " → ", element("b", {}, shapeText(step.shape))),
    element("p", {}, sentences(step)),
  );
  if (step.path.includes(".")) station.classList.add("inner");
  const next = network.steps[index];
  if (next && !next.from.includes(index)) station.classList.add("ends"); // the next one begins another path
  let isStale = true;

  const view = makeView(at, choose, classNames);
  if (step.kind !== "identity") {
    outputs.append(view.element);
    station.append(element("div", { class: "body" }, element("div", { class: "left" }, outputs, tools), panel));
    addTools();
  }

  function addTools() {
    const places = isImage ? step.shape[1] * step.shape[2] : step.shape[0];
    if (places > 1) tools.append(slideButton(places));
    if (view.showAll) {
      const button = element("button", { type: "button" }, `Show all ${step.shape[0]} maps`);
      button.addEventListener("click", () => {
        view.showAll();
        button.remove();
        draw();
      });
      tools.append(button);
    }
    const depth = step.kind === "convolution" ? step.sources[0][0] / step.groups : 0;
    if (depth > SHOWN_CHANNELS) {
      const label = () => `Compute with ${at.allChannels ? SHOWN_CHANNELS : `all ${depth}`} maps in sight`;
      const button = element("button", { type: "button", "aria-pressed": "false" }, label());
      button.addEventListener("click", () => {
        at.allChannels = !at.allChannels;
        button.textContent = label();
        button.setAttribute("aria-pressed", at.allChannels);
        inspect();
      });
      tools.append(button);
    }
    tools.append(element("span", { class: "legend" }, view.legend));
  }

  /** A button that visits all places, one after the other. */
  function slideButton(places) {
    const isWindow = ["convolution", "maximum", "average"].includes(step.kind) && isImage;
    const label = isWindow ? "Slide the window" : "Go through all";
    const button = element("button", { type: "button", class: "slide", "aria-pressed": "false" }, `▶ ${label}`);
    let timer = null;
    const stop = () => {
      clearInterval(timer);
      timer = null;
      button.textContent = `▶ ${label}`;
      button.setAttribute("aria-pressed", "false");
    };
    const advance = () => {
      const now = isImage ? at.row * step.shape[2] + at.column + 1 : at.map + 1;
      if (isImage) choose(at.map, Math.floor((now % places) / step.shape[2]), now % step.shape[2], false);
      else choose(now % places, 0, 0, false);
    };
    button.addEventListener("click", () => {
      if (timer) return stop();
      timer = setInterval(advance, SLIDE_MILLISECONDS);
      button.textContent = "⏸ Stop";
      button.setAttribute("aria-pressed", "true");
    });
    outputs.addEventListener("pointerdown", () => timer && stop());
    return button;
  }

  /** Look at another number. Only what a person does is announced to screen readers. */
  function choose(map, row, column, isAnnounced = true) {
    Object.assign(at, { map, row, column });
    panel.setAttribute("aria-live", isAnnounced ? "polite" : "off");
    view.mark();
    inspect();
  }

  /** Begin with the largest number, where there is most to see. */
  function chooseLargest(values) {
    const [, height, width] = isImage ? step.shape : [0, 1, 1];
    const shown = isImage ? values.subarray(0, FIRST_MAPS * height * width) : values;
    const place = Math.max(0, shown.indexOf(shown.reduce((most, value) => Math.max(most, value), -Infinity)));
    at.map = Math.floor(place / (height * width));
    at.row = Math.floor(place / width) % height;
    at.column = place % width;
  }

  function inspect() {
    if (at.state) panel.replaceChildren(...inspection(at));
  }

  function draw() {
    if (!at.state || step.kind === "identity") return;
    view.paint();
    view.mark();
    inspect();
  }

  return {
    element: station,
    /** Take another image's values; they are drawn when the station is in sight. */
    update(state, isInSight) {
      if (!at.state) chooseLargest(state.values[index]);
      at.state = state;
      panel.setAttribute("aria-live", "off");
      isStale = !isInSight;
      if (isInSight) draw();
    },
    arrive() {
      if (isStale) draw();
      isStale = false;
    },
    redraw: draw,
  };
}

function takes(network, step, index) {
  const shape = (value) => (value === 0 ? inputText(network.input) : shapeText(network.shapes[value]));
  const name = (value) => (value === index - 1 ? "" : `${valueName(network, value)}: `);
  return step.from.map((value) => name(value) + shape(value)).join(" and ");
}

/** How a step's numbers are shown: as maps, as a bar for each class, or as a list of cells. */
function makeView(at, choose, classNames) {
  const { kind, shape } = at.step;
  if (shape.length === 3) return mapsView(at, choose);
  const isOfClasses = shape[0] === classNames.length && ["dense", "softmax", "log_softmax"].includes(kind);
  return isOfClasses && shape[0] <= MOST_BARS ? barsView(at, choose, classNames) : vectorView(at, choose);
}

const MOVES = {
  ArrowLeft: [0, 0, -1],
  ArrowRight: [0, 0, 1],
  ArrowUp: [0, -1, 0],
  ArrowDown: [0, 1, 0],
  PageUp: [-1, 0, 0],
  PageDown: [1, 0, 0],
};

function within(place, limit) {
  return Math.min(Math.max(place, 0), limit - 1);
}

/** Let arrow keys move over rows and columns, and Page Up and Page Down over maps. */
function keys(event, at, limits, choose) {
  const [maps, rows, columns] = limits;
  const move = MOVES[event.key];
  if (!move) return;
  event.preventDefault();
  choose(within(at.map + move[0], maps), within(at.row + move[1], rows), within(at.column + move[2], columns));
}

/** The row and column of a picture of this size that the pointer is over. */
function pointed(event, height, width) {
  const box = event.currentTarget.getBoundingClientRect();
  const place = (offset, length, count) => within(Math.floor((offset / length) * count), count);
  return [place(event.clientY - box.top, box.height, height), place(event.clientX - box.left, box.width, width)];
}

function mapsView(at, choose) {
  const { step } = at;
  const [maps, height, width] = step.shape;
  const grid = element("div", { class: "maps" });
  const frame = element("div", { class: "frame" });
  const shown = [];
  const pixels = maps === 1 ? 224 : width === 1 ? 28 : Math.max(52, Math.min(112, width * 6));
  const add = (map) => {
    const label = `Map ${map + 1} of ${maps}`;
    const canvas = element("canvas", { class: "map", tabindex: "-1", role: "img", "aria-label": label });
    const holder = element("div", { class: "picture" }, canvas);
    holder.style.width = `${pixels}px`;
    const follow = (event) => choose(map, ...pointed(event, height, width));
    canvas.addEventListener("pointermove", follow);
    canvas.addEventListener("pointerdown", follow);
    canvas.addEventListener("keydown", (event) => {
      keys(event, at, [shown.length, height, width], choose);
      shown[at.map].canvas.focus();
    });
    const caption = element("figcaption", {}, mapCaption(step, map));
    grid.append(element("figure", {}, holder, caption));
    shown.push({ canvas, holder });
  };
  for (let map = 0; map < Math.min(maps, FIRST_MAPS); map++) add(map);
  const view = {
    element: grid,
    legend: legend(() => at.state && at.state.scales[at.index]),
    paint() {
      const [values, look] = [at.state.values[at.index], lookOf(at.state, at.index)];
      shown.forEach(({ canvas }, map) => paintMap(canvas, values, step.shape, map, look));
      view.legend.refresh();
    },
    mark() {
      shown.forEach(({ canvas }, map) => canvas.setAttribute("tabindex", map === at.map ? "0" : "-1"));
      const { canvas, holder } = shown[at.map];
      holder.append(frame);
      placeFrame(frame, pixel(at.row, at.column), height, width);
      const value = at.state ? figure(at.state.values[at.index][position(at)], 3) : "";
      const place = `Map ${at.map + 1} of ${maps}, row ${at.row + 1}, column ${at.column + 1}`;
      canvas.setAttribute("aria-label", `${place}: ${value}. Arrow keys move.`);
    },
  };
  if (maps > FIRST_MAPS) {
    view.showAll = () => {
      for (let map = FIRST_MAPS; map < maps; map++) add(map);
    };
  }
  return view;
}

/** Under a map stands its number; of a filter for one map, its weights as well. */
function mapCaption(step, map) {
  const holder = element("span", {});
  if (step.kind === "convolution" && step.sources[0][0] === step.groups && Math.max(...step.kernel) > 1) {
    const canvas = element("canvas", { class: "filter", title: "the filter’s weights" });
    const look = { scale: magnitude(step.weight) };
    const draw = () => paintMap(canvas, step.weight, [step.shape[0], ...step.kernel], map, look);
    darkness.addEventListener("change", draw);
    draw();
    holder.append(canvas, ` filter ${map + 1}`);
  } else {
    holder.append(step.kind === "convolution" ? `filter ${map + 1}` : `${map + 1}`);
  }
  return holder;
}

function vectorView(at, choose) {
  const [length] = at.step.shape;
  const columns = vectorColumns(length);
  const rows = Math.ceil(length / columns);
  const canvas = element("canvas", { class: "map", tabindex: "0", role: "img" });
  const frame = element("div", { class: "frame" });
  const holder = element("div", { class: "picture vector" }, canvas, frame);
  holder.style.width = `${columns * (length > 256 ? 16 : 22)}px`;
  const pick = (row, column) => choose(Math.min(row * columns + column, length - 1), 0, 0);
  const follow = (event) => pick(...pointed(event, rows, columns));
  canvas.addEventListener("pointermove", follow);
  canvas.addEventListener("pointerdown", follow);
  canvas.addEventListener("keydown", (event) => {
    const where = { map: 0, row: Math.floor(at.map / columns), column: at.map % columns };
    keys(event, where, [1, rows, columns], (_, row, column) => pick(row, column));
  });
  const view = {
    element: holder,
    legend: legend(() => at.state && at.state.scales[at.index]),
    paint() {
      paintVector(canvas, at.state.values[at.index], lookOf(at.state, at.index));
      view.legend.refresh();
    },
    mark() {
      placeFrame(frame, pixel(Math.floor(at.map / columns), at.map % columns), rows, columns);
      const value = at.state ? figure(at.state.values[at.index][at.map], 3) : "";
      canvas.setAttribute("aria-label", `Number ${at.map + 1} of ${length}: ${value}. Arrow keys move.`);
    },
  };
  return view;
}

/** Colors from the most negative to the most positive number. */
function legend(scaleOf) {
  const ends = [element("span", {}), element("span", {})];
  const ramp = element("span", { class: "ramp" });
  const made = element("span", { class: "scale", "aria-hidden": "true" }, ends[0], ramp, ends[1]);
  made.refresh = () => {
    const scale = scaleOf() || 0;
    ends[0].textContent = figure(-scale);
    ends[1].textContent = figure(scale);
    const colors = Array.from({ length: 9 }, (_, i) => `rgb(${color(i / 4 - 1, { scale: 1 })})`);
    ramp.style.background = `linear-gradient(to right, ${colors.join(", ")})`;
  };
  return made;
}
