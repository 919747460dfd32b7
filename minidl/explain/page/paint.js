// How numbers look: as pixels of a map, as cells with figures in them, as bars.

// The parser knows the name of SVG, so that no address has to be written here.
const SVG = new DOMParser().parseFromString("<svg></svg>", "text/html").querySelector("svg").namespaceURI;
const darkness = matchMedia("(prefers-color-scheme: dark)");
const paper = { isPrinted: false };
const isDark = () => darkness.matches && !paper.isPrinted;

/** minidl's colors for light and dark pages, as [red, green, blue]: "negative", "zero", "positive", and "classes". */
const palette = { light: {}, dark: {} };
const colors = () => (isDark() ? palette.dark : palette.light);

function readPalette(themes) {
  const parts = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
  for (const [theme, { classes, ...roles }] of Object.entries(themes)) {
    for (const [role, text] of Object.entries(roles)) palette[theme][role] = parts(text);
    palette[theme].classes = classes.map(parts);
  }
}

/** An element with these attributes and children; strings are text and never markup. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** An element of an SVG picture. */
function svgElement(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const ICONS = {
  play: "M4 2.5v11l9-5.5z",
  stop: "M4 3h3v10H4zM9 3h3v10H9z",
  right: "M2.5 8.5l3.5 3.5 7.5-8-1.4-1.3L6 9.2 3.9 7.1z",
  wrong: "M3.2 4.6l1.4-1.4L8 6.6l3.4-3.4 1.4 1.4L9.4 8l3.4 3.4-1.4 1.4L8 9.4l-3.4 3.4-1.4-1.4L6.6 8z",
  down: "M7.2 1h1.6v10l3-3 1.1 1.2L8 14 3.1 9.2 4.2 8l3 3z",
  more: "M2 7h2.4v2.4H2zM6.8 7h2.4v2.4H6.8zM11.6 7H14v2.4h-2.4z",
};

/** A small picture in the color of the text; without `label` it only goes with words. */
function icon(name, label = null) {
  const said = label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" };
  return svgElement("svg", { class: `icon ${name}`, viewBox: "0 0 16 16", ...said }, svgElement("path", { d: ICONS[name] }));
}

/** The numbers of black and white pixels in images: 0 and 1, unless those that the page has go further. */
const tones = { black: 0, white: 1 };

/** The share of white in a number of an image. */
function whiteness(value) {
  return Math.min(Math.max((value - tones.black) / (tones.white - tones.black), 0), 1);
}

/** The color of a number: a grey where the look is an image's, or a shade of blue or orange. */
function color(value, look) {
  if (Number.isNaN(value)) return [190, 0, 190];
  if (look.isImage) return Array(3).fill(Math.round(255 * whiteness(value)));
  const { negative, zero, positive } = colors();
  const part = look.scale > 0 ? Math.min(Math.abs(value) / look.scale, 1) : 0;
  const share = isDark() ? part ** 0.7 : part; // on black, an eye tells less of small differences
  const end = value < 0 ? negative : positive;
  return zero.map((from, i) => Math.round(from + (end[i] - from) * share));
}

function paint(canvas, width, height, colorAt) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const picture = context.createImageData(width, height);
  for (let at = 0; at < width * height; at++) {
    const painted = colorAt(Math.floor(at / width), at % width);
    if (painted) picture.data.set([...painted, 255], 4 * at);
  }
  context.putImageData(picture, 0, 0);
  return canvas;
}

/** Paint one map of values (c, h, w). */
function paintMap(canvas, values, [, height, width], map, look) {
  const start = map * height * width;
  return paint(canvas, width, height, (y, x) => color(values[start + y * width + x], look));
}

/** Paint an image (c, h, w), in color if it has three channels. */
function paintImage(canvas, values, shape) {
  const [channels, height, width] = shape;
  if (channels !== 3) return paintMap(canvas, values, shape, 0, { isImage: true });
  const plane = height * width;
  return paint(canvas, width, height, (y, x) =>
    [0, 1, 2].map((channel) => color(values[channel * plane + y * width + x], { isImage: true })[0]),
  );
}

/** Where the cells of a vector lie when it is shown as rows of a rectangle. */
function vectorColumns(length) {
  if (length <= 16) return length;
  return length <= 256 ? Math.ceil(length / Math.ceil(length / 24)) : 40;
}

function paintVector(canvas, values, look) {
  const columns = vectorColumns(values.length);
  return paint(canvas, columns, Math.ceil(values.length / columns), (y, x) => {
    const at = y * columns + x;
    return at < values.length ? color(values[at], look) : null;
  });
}

/** Maps (c, h, w) side by side in one picture. */
function paintMaps(canvas, values, [maps, height, width], look) {
  const across = Math.min(maps, 8);
  const down = Math.ceil(maps / across);
  return paint(canvas, across * (width + 1) - 1, down * (height + 1) - 1, (y, x) => {
    const map = Math.floor(y / (height + 1)) * across + Math.floor(x / (width + 1));
    const [row, column] = [y % (height + 1), x % (width + 1)];
    if (map >= maps || row === height || column === width) return null;
    return color(values[(map * height + row) * width + column], look);
  });
}

/** A frame over part of a picture, in its own pixels; a window may reach beyond the picture, into the padding. */
function placeFrame(frame, { y, x, rows, columns }, height, width) {
  const percent = (part, whole) => `${(100 * part) / whole}%`;
  Object.assign(frame.style, {
    top: percent(y, height),
    left: percent(x, width),
    height: percent(rows, height),
    width: percent(columns, width),
  });
}

function framed(canvas, place, height, width, pixels) {
  const frame = element("div", { class: "frame" });
  placeFrame(frame, place, height, width);
  const holder = element("div", { class: "picture" }, canvas, frame);
  holder.style.width = `${pixels}px`;
  return holder;
}

/** A number in few characters, with a real minus sign; a small one keeps its first digit. */
function figure(value, digits = 2) {
  if (!Number.isFinite(value)) return String(value);
  const magnitude = Math.abs(value);
  let text = magnitude.toFixed(magnitude >= 100 ? 0 : magnitude >= 10 ? 1 : digits);
  if (magnitude >= 1e5 || (magnitude > 0 && magnitude < 1e-5)) {
    text = magnitude.toExponential(0).replace("e-", "e−").replace("e+", "e");
  } else if (magnitude > 0 && magnitude < 0.5 * 10 ** -digits) {
    text = String(Number(magnitude.toPrecision(1)));
  }
  return (value < 0 ? "−" : "") + text;
}

/** The figure as a further term of a sum. */
function term(value, digits = 2) {
  return (value < 0 ? " −\u00a0" : " +\u00a0") + figure(Math.abs(value), digits);
}

/** Numbers as a table of cells; null is a place in the padding. `marked` is the one to point out. */
function cells(numbers, columns, look, { marked = -1, label }) {
  const grid = element("div", { class: "cells", role: "img", "aria-label": label });
  grid.style.gridTemplateColumns = `repeat(${columns}, 1fr)`;
  grid.style.setProperty("--columns", columns);
  numbers.forEach((value, i) => {
    const cell = element("span", { class: i === marked ? "marked" : null });
    if (value === null) {
      cell.classList.add("outside");
      cell.textContent = "0";
    } else {
      tint(cell, value, look);
      if (columns <= 7) cell.textContent = Math.abs(value) < 0.005 ? "0" : figure(value);
    }
    grid.append(cell);
  });
  return grid;
}

/** Give a cell the color of its number, and its figures the one of black and white that is read more easily on it. */
function tint(cell, value, look) {
  const [red, green, blue] = color(value, look);
  cell.style.background = `rgb(${red}, ${green}, ${blue})`;
  cell.style.color = luminance(red, green, blue) > 0.179 ? "#000" : "#fff"; // there both are as easy to read
}

/** How bright a color is, from 0 to 1: W3C, "Web content accessibility guidelines" 2.2, relative luminance. */
function luminance(...channels) {
  const [red, green, blue] = channels.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** The function of an activation as a curve, with a dot where a number is. */
function curve(formula, x) {
  const [width, height, reach] = [150, 110, Math.max(3, Math.abs(x) * 1.15)];
  const across = (value) => ((value + reach) / (2 * reach)) * width;
  const up = (value) => height / 2 - (value / reach) * (height / 2);
  const places = Array.from({ length: 81 }, (_, i) => (i / 40 - 1) * reach);
  const lines = [[]]; // a root has no value left of 0, and at 0 a reciprocal goes from one end to the other
  for (const at of places) {
    if (Number.isFinite(formula(at))) lines.at(-1).push(`${across(at)},${up(formula(at))}`);
    else lines.push([]);
  }
  const drawn = svgElement("svg", { viewBox: `0 0 ${width} ${height}`, width, height, class: "curve", "aria-hidden": "true" });
  drawn.append(
    svgElement("line", { x1: 0, y1: height / 2, x2: width, y2: height / 2, class: "axis" }),
    svgElement("line", { x1: width / 2, y1: 0, x2: width / 2, y2: height, class: "axis" }),
    ...lines.map((line) => svgElement("polyline", { points: line.join(" "), class: "line" })),
    Number.isFinite(formula(x)) ? svgElement("circle", { cx: across(x), cy: up(formula(x)), r: 5, class: "dot" }) : "",
  );
  return drawn;
}
