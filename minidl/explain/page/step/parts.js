// What explanations of numbers are made of: framed maps, windows of numbers, and the line with the result.

/** Where the chosen number lies in its value. */
function position({ step, map, row, column }) {
  return step.shape.length === 3 ? (map * step.shape[1] + row) * step.shape[2] + column : map;
}

/** The look of a value: greys for the image itself, and else shades up to its own largest number. */
function lookOf(state, value) {
  return value === 0 ? { isImage: true } : { scale: state.scales[value] };
}

function part(label, content, kind = "", sign = null) {
  // Where there's no room for a sign between parts, it stands before the label.
  const before = sign && element("span", { class: "sign" }, `${sign} `);
  const caption = element("figcaption", {}, before, label);
  return element("figure", { class: `part ${kind}` }, content, caption);
}

function symbol(text) {
  return element("span", { class: "symbol", "aria-hidden": "true" }, text);
}

/** The line in words and figures that ends an inspection. */
function result(...pieces) {
  return element("p", { class: "total" }, ...pieces);
}

function withBias(bias) {
  return bias === null ? "" : `, and with the bias${term(bias, 3)}`;
}

function productTotal(count, sum, bias, value) {
  if (bias === null) return result(`The sum of all ${count} products is `, strong(value));
  return result(`The sum of all ${count} products: ${figure(sum, 3)}`, withBias(bias), " = ", strong(value));
}

function strong(value) {
  return element("strong", {}, figure(value, 3));
}

/** A map of an earlier value, with a frame around some of its pixels. */
function sourceMap({ network, state, step }, map, place, which = 0) {
  const value = step.from[which];
  const [, height, width] = network.shapes[value];
  const canvas = element("canvas", { class: "map" });
  paintMap(canvas, state.values[value], network.shapes[value], map, lookOf(state, value));
  const holder = framed(canvas, place, height, width, 132);
  holder.style.setProperty("--ratio", `${width} / ${height}`);
  return holder;
}

function channelName(network, value, map) {
  const channels = network.shapes[value][0];
  if (value !== 0) return `map ${map + 1}`;
  return channels === 1 ? "the image" : channels === 3 ? ["red", "green", "blue"][map] : `channel ${map + 1}`;
}

function windowPlace(step, row, column) {
  return {
    y: row * step.stride[0] - step.padding[0][0],
    x: column * step.stride[1] - step.padding[1][0],
    rows: (step.kernel[0] - 1) * step.dilation[0] + 1,
    columns: (step.kernel[1] - 1) * step.dilation[1] + 1,
  };
}

/** The numbers in a window of one map; null for places in the padding. */
function windowNumbers({ state, step }, map, places) {
  const [, height, width] = step.sources[0];
  const values = state.values[step.from[0]];
  return places.map(({ y, x, isInside }) => (isInside ? values[(map * height + y) * width + x] : null));
}

/**
 * Where number `i` of a vector comes from, in words for a reader, `text`; and, if it comes from a map, which, `value` and
 * `map`, and from which pixel, `place`, or from all of them.
 */
function originOf(network, value, i) {
  const step = network.steps[value - 1];
  const [source] = step ? step.from : [];
  const shape = step ? network.shapes[source] : [];
  if (step && ["identity", "elementwise", "scale"].includes(step.kind)) return originOf(network, source, i);
  if (step && step.kind === "flatten") {
    if (shape.length !== 3) return originOf(network, source, i);
    const [map, row, column] = spot(shape, i);
    const name = source === 0 ? channelName(network, 0, map) : `map ${map + 1} of step ${source}`;
    return { text: `${name}, row ${row + 1}, column ${column + 1}`, value: source, map, place: pixel(row, column) };
  }
  if (step && ["average", "maximum"].includes(step.kind) && step.shape.length === 1) {
    const what = step.kind === "average" ? "the mean" : "the largest number";
    return { text: `${what} of map ${i + 1} of ${valueName(network, source)}`, value: source, map: i, place: null };
  }
  return { text: `${step && step.kind === "dense" ? "unit" : "number"} ${i + 1} of ${valueName(network, value)}` };
}

/** The map that a number comes from, small, with its pixel framed. */
function originPicture({ network, state }, { value, map, place }) {
  if (value === undefined) return null;
  const [, height, width] = network.shapes[value];
  const canvas = element("canvas", { class: "map" });
  paintMap(canvas, state.values[value], network.shapes[value], map, lookOf(state, value));
  const holder = framed(canvas, place || pixel(0, 0), height, width, 36);
  if (!place) holder.lastChild.remove();
  return holder;
}
