// The pictures of a training: what the network took each for, and its filters and maps, many in one canvas.

const TILES_ACROSS = 8;

/** Filters (filters, depth, h, w) side by side: those of colors in colors, where grey is 0, others map by map. */
function paintFilters(canvas, values, [count, depth, height, width], scale) {
  if (depth !== 3) return paintMaps(canvas, values, [count * depth, height, width], { scale });
  const across = Math.min(count, TILES_ACROSS);
  const down = Math.ceil(count / across);
  return paint(canvas, across * (width + 1) - 1, down * (height + 1) - 1, (y, x) => {
    const filter = Math.floor(y / (height + 1)) * across + Math.floor(x / (width + 1));
    const [row, column] = [y % (height + 1), x % (width + 1)];
    if (filter >= count || row === height || column === width) return null;
    const at = (channel) => values[((filter * 3 + channel) * height + row) * width + column];
    return [0, 1, 2].map((channel) => Math.round(127.5 + 127.5 * (scale > 0 ? at(channel) / scale : 0)));
  });
}

/** A canvas for maps side by side, as large as it will be; `paint()` fills it. */
function epochTiles(count, [height, width], label) {
  const across = Math.min(count, TILES_ACROSS);
  const size = { width: across * (width + 1) - 1, height: Math.ceil(count / across) * (height + 1) - 1 };
  const canvas = element("canvas", { class: "tiles", role: "img", "aria-label": label, ...size });
  const pixels = Math.max(1, Math.round(60 / width));
  canvas.style.width = `${size.width * pixels}px`;
  canvas.style.aspectRatio = `${size.width} / ${size.height}`;
  return canvas;
}

function filterTiles([count, depth, height, width], step) {
  return epochTiles(depth === 3 ? count : count * depth, [height, width], `${count} filters of step ${step}`);
}

/** What a picture is, by its label, or else its number. */
function pictureName(kept, classes, picture) {
  return kept.labels ? classes[kept.labels[picture]] : `picture ${picture + 1}`;
}

/** "Coat, 41 %", with a mark where the label is known. */
function saidOf(kept, classes, epoch, picture) {
  const best = likeliest(kept.shares(epoch, picture));
  if (!best) return ["not a number"];
  const mark = !kept.labels ? null : kept.labels[picture] === best[0] ? "right" : "wrong";
  const share = `${percent(best[1])} `.replaceAll(" ", "\u00a0");
  return [`${classes[best[0]]}, ${share}`, ...(mark ? [icon(mark, mark)] : [])];
}

/** A picture with what the network says of it: {element, canvas, paint(epoch), mark(isChosen)}. */
function pictureCard(kept, classes, picture, choose) {
  const name = pictureName(kept, classes, picture);
  const canvas = element("canvas", { class: "map", width: 1, height: 1, "aria-hidden": "true" });
  const attributes = { type: "button", class: "thumbnail", "aria-label": `Show the maps of: ${name}` };
  const button = element("button", { ...attributes, onclick: choose }, canvas);
  const said = element("p", { class: "said" });
  const holder = element("div", {});
  return {
    element: element("figure", {}, element("figcaption", {}, button, element("b", {}, name), said), holder),
    canvas,
    paint(epoch) {
      const shares = kept.shares(epoch, picture);
      said.replaceChildren(...saidOf(kept, classes, epoch, picture));
      const bars = makeBars(shares.map(([i]) => classes[i]));
      bars.paint(shares.map(([, share]) => (Number.isNaN(share) ? 0 : share)), true, 1);
      holder.replaceChildren(bars.element);
    },
    mark: (isChosen) => button.setAttribute("aria-pressed", isChosen),
  };
}
