// How a step's numbers are shown, with one of them chosen: as maps, as bars, or as a list of cells.

const FIRST_MAPS = 16;
const MOST_BARS = 40;

/** Whether a step has a number for each class. */
function isOfClasses({ kind, shape }, classNames) {
  return shape.length === 1 && shape[0] === classNames.length && ["dense", "softmax", "log_softmax"].includes(kind);
}

/** How a step's numbers are shown: as maps, as a bar for each class, or as a list of cells. */
function makeView(at, choose) {
  const { shape } = at.step;
  if (shape.length === 3) return mapsView(at, choose);
  return at.classNames && shape[0] <= MOST_BARS ? barsView(at, choose, at.classNames) : vectorView(at, choose);
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
    const attributes = { class: "map", tabindex: "-1", role: "img", "aria-label": label };
    const canvas = element("canvas", { ...attributes, width, height }); // its height is known before it's painted
    const holder = element("div", { class: "picture" }, canvas);
    holder.style.width = `${pixels}px`;
    const follow = (event) => choose(map, ...pointed(event, height, width));
    canvas.addEventListener("pointermove", follow);
    canvas.addEventListener("pointerdown", follow);
    canvas.addEventListener("keydown", (event) => {
      keys(event, at, [shown.length, height, width], choose);
      shown[at.map].canvas.focus();
    });
    const caption = mapCaption(step, map);
    grid.append(element("figure", {}, holder, caption.element));
    shown.push({ canvas, holder, caption });
  };
  for (let map = 0; map < Math.min(maps, FIRST_MAPS); map++) add(map);
  const view = {
    element: grid,
    legend: legend(() => at.state && at.state.scales[at.index]),
    paint() {
      const [values, look] = [at.state.values[at.index], lookOf(at.state, at.index)];
      shown.forEach(({ canvas, caption }, map) => {
        paintMap(canvas, values, step.shape, map, look);
        caption.element.classList.toggle("off", isOff(at.state, at.index, map));
        caption.paint();
      });
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
      for (let map = shown.length; map < maps; map++) add(map);
    };
  }
  return view;
}

/** Under a map stands its number; of a filter for one map, its weights as well: {element, paint()}. */
function mapCaption(step, map) {
  const isFilter = step.kind === "convolution";
  const name = isFilter ? `filter ${map + 1}` : `${map + 1}`;
  if (!isFilter || step.sources[0][0] !== step.groups || Math.max(...step.kernel) === 1) {
    return { element: element("figcaption", {}, name), paint() {} };
  }
  const canvas = element("canvas", { class: "filter", title: "the filter’s weights" });
  const look = { scale: magnitude(step.weight) };
  return {
    element: element("figcaption", {}, canvas, ` ${name}`),
    paint: () => paintMap(canvas, step.weight, [step.shape[0], ...step.kernel], map, look),
  };
}

function vectorView(at, choose) {
  const [length] = at.step.shape;
  const columns = vectorColumns(length);
  const rows = Math.ceil(length / columns);
  const label = `${length} numbers`;
  const attributes = { class: "map", tabindex: "0", role: "img", "aria-label": label };
  const canvas = element("canvas", { ...attributes, width: columns, height: rows });
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
