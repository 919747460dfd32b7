// A station is one step of the network on the page: what it does, what it gives, and how one number came about.

const FIRST_MAPS = 16;
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
    element("p", {}, sentences(step, index)),
  );
  if (step.path.includes(".")) station.classList.add("inner");
  let isStale = true;

  const view = isImage ? mapsView(at, choose) : isBars(step, classNames) ? barsView(at, choose, classNames) : vectorView(at, choose);
  if (step.kind !== "identity") {
    outputs.append(view.element);
    station.append(element("div", { class: "body" }, element("div", { class: "left" }, outputs, tools), panel));
    addTools();
  }

  function addTools() {
    const places = isImage ? step.shape[1] * step.shape[2] : step.shape[0];
    if (places > 1) tools.append(slideButton(places));
    if (view.showAll) {
      const button = element("button", { type: "button", onclick: () => (view.showAll(), button.remove(), draw()) }, `Show all ${step.shape[0]} maps`);
      tools.append(button);
    }
    const depth = step.kind === "convolution" ? step.sources[0][0] / step.groups : 0;
    if (depth > SHOWN_CHANNELS) {
      const label = () => (at.allChannels ? `Compute with ${SHOWN_CHANNELS} maps in sight` : `Compute with all ${depth} maps in sight`);
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
    Object.assign(at, { map: Math.floor(place / (height * width)), row: Math.floor(place / width) % height, column: place % width });
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

/** Whether a vector has a number for each class. */
function isBars(step, classNames) {
  return step.shape[0] === classNames.length && step.shape[0] <= 40 && ["dense", "softmax", "log_softmax"].includes(step.kind);
}

/** Let arrow keys move over rows and columns, and Page Up and Page Down over maps. */
function keys(event, at, limits, choose) {
  const [maps, rows, columns] = limits;
  const moves = { ArrowLeft: [0, 0, -1], ArrowRight: [0, 0, 1], ArrowUp: [0, -1, 0], ArrowDown: [0, 1, 0], PageUp: [-1, 0, 0], PageDown: [1, 0, 0] };
  const move = moves[event.key];
  if (!move) return;
  event.preventDefault();
  const within = (value, limit) => Math.min(Math.max(value, 0), limit - 1);
  choose(within(at.map + move[0], maps), within(at.row + move[1], rows), within(at.column + move[2], columns));
}

/** The row and column of a picture of this size that the pointer is over. */
function pointed(event, height, width) {
  const box = event.currentTarget.getBoundingClientRect();
  const place = (offset, length, count) => Math.min(Math.max(Math.floor((offset / length) * count), 0), count - 1);
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
    const canvas = element("canvas", { class: "map", tabindex: "-1", role: "img", "aria-label": `Map ${map + 1} of ${maps}` });
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
  const paintOne = (map) => paintMap(shown[map].canvas, at.state.values[at.index], step.shape, map, lookOf(at.state, at.index));
  const view = {
    element: grid,
    legend: legend(() => at.state && at.state.scales[at.index]),
    paint() {
      shown.forEach((_, map) => paintOne(map));
      view.legend.refresh();
    },
    mark() {
      shown.forEach(({ canvas }, map) => canvas.setAttribute("tabindex", map === at.map ? "0" : "-1"));
      const { canvas, holder } = shown[at.map];
      holder.append(frame);
      placeFrame(frame, pixel(at.row, at.column), height, width);
      const value = at.state ? figure(at.state.values[at.index][position(at)], 3) : "";
      canvas.setAttribute("aria-label", `Map ${at.map + 1} of ${maps}, row ${at.row + 1}, column ${at.column + 1}: ${value}. Arrow keys move.`);
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
    const scale = step.weight.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
    const canvas = element("canvas", { class: "filter", title: "the filter’s weights" });
    paintMap(canvas, step.weight, [0, ...step.kernel], map, { scale });
    darkness.addEventListener("change", () => paintMap(canvas, step.weight, [0, ...step.kernel], map, { scale }));
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
    ramp.style.background = `linear-gradient(to right, ${[-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1].map((t) => `rgb(${color(t, { scale: 1 })})`).join(", ")})`;
  };
  return made;
}
