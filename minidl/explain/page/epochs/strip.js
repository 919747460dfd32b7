// On paper there is no slider: a strip of a few epochs, side by side.

const PRINTED_EPOCHS = 5;
const PRINTED_TILES = 4; // filters and maps in a row, so that they are large enough

/** Places of a few epochs, evenly apart, with the first and the last. */
function fewEpochs(count) {
  const wanted = Math.min(PRINTED_EPOCHS, count);
  const places = Array.from({ length: wanted }, (_, i) => Math.round((i * (count - 1)) / Math.max(wanted - 1, 1)));
  return [...new Set(places)];
}

/** A table of these epochs: losses, filters, the maps of a picture, and what was said of each picture. */
function epochStrip(kept, network, classes, chosen) {
  const epochs = fewEpochs(kept.numbers.length);
  const row = (name, cell) =>
    element("tr", {}, element("th", { scope: "row" }, name), ...epochs.map((epoch) => element("td", {}, ...cell(epoch))));
  const small = (canvas) => {
    canvas.style.width = "100%";
    return [canvas];
  };
  const head = element(
    "tr",
    {},
    element("td", {}),
    ...epochs.map((epoch) => element("th", { scope: "col" }, epochText(kept, epoch, true))),
  );
  const rows = [row("Loss and accuracy", (epoch) => [logText(kept, epoch, true)])];
  for (let picture = 0; picture < kept.count; picture++) {
    rows.push(row(pictureName(kept, classes, picture), (epoch) => saidOf(kept, classes, epoch, picture)));
  }
  if (kept.filters) {
    const { step, shape } = kept.filters;
    const few = [Math.min(shape[0], PRINTED_TILES), ...shape.slice(1)];
    rows.push(
      row(`Filters of step ${step}`, (epoch) => {
        const { values, scale } = kept.filtersIn(epoch);
        return small(paintFilters(filterTiles(few, step), values, few, scale));
      }),
    );
  }
  for (const layer of kept.layers) {
    const few = [Math.min(layer.shape[0], PRINTED_TILES), ...layer.shape.slice(1)];
    const name = `Step ${layer.step}, ${titleOf(network.steps[layer.step - 1])}, of ${pictureName(kept, classes, chosen)}`;
    rows.push(
      row(name, (epoch) => {
        const { values, scale } = kept.mapsIn(layer, epoch, chosen);
        return small(paintMaps(epochTiles(few[0], few.slice(1), name), values, few, { scale }));
      }),
    );
  }
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
}
