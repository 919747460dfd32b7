// What two pictures give at one step, beside each other and in the same colors: the one that's kept, and the one shown.

const WHICH = ["kept", "now"];
const OF = { kept: "the picture kept", now: "the picture shown now" };

/** The classes' numbers for both pictures: {element, paint([kept, now], isShare, scale)}. `colorOf` is as of makeBars. */
function pairTable(classNames, heads = WHICH, colorOf = null) {
  const rows = classNames.map((name, i) => {
    const cells = WHICH.map((which) => {
      const fill = element("span", { class: "fill" });
      if (colorOf) fill.style.background = `rgb(${colorOf(i)})`;
      const figures = element("span", { class: "figure" });
      const bar = element("span", { class: "bar" }, element("span", { class: "track" }, fill), figures);
      return { fill, figures, cell: element("td", {}, bar) };
    });
    const head = element("th", { scope: "row", class: "name", title: name }, name);
    return { cells, row: element("tr", {}, head, ...cells.map(({ cell }) => cell)) };
  });
  const columns = heads.map((head) => element("th", { scope: "col" }, head));
  return {
    element: element(
      "table",
      { class: "pairs bars" },
      element("thead", {}, element("tr", {}, element("td", {}), ...columns)),
      element("tbody", {}, ...rows.map(({ row }) => row)),
    ),
    paint(both, isShare, scale) {
      both.forEach((values, which) => {
        const highest = placeOfLargest(values);
        rows.forEach(({ cells }, i) => {
          const { fill, figures, cell } = cells[which];
          paintBar(fill, values[i], isShare, scale);
          figures.textContent = isShare ? percent(values[i]) : figure(values[i]);
          cell.classList.toggle("highest", i === highest);
          cell.classList.toggle("centred", !isShare);
        });
      });
    },
  };
}

/** What a station shows of both pictures: {element, draw(state)}; `keptState()` is null while nothing is compared. */
function makePairs(network, index, classNames, keptState) {
  const step = network.steps[index - 1];
  const holder = element("div", { class: "compared", hidden: true });
  let view = null;
  return {
    element: holder,
    draw(now) {
      const kept = keptState();
      holder.hidden = !kept;
      if (!kept) [view] = [null, holder.replaceChildren()];
      if (!kept) return;
      if (!view) {
        view = pairView(step, isOfClasses(step, classNames) && step.shape[0] <= MOST_BARS ? classNames : null);
        holder.replaceChildren(...view.elements);
      }
      view.paint([kept.values[index], now.values[index]], Math.max(kept.scales[index], now.scales[index]));
    },
  };
}

function pairView(step, classNames) {
  let scale = 0;
  const colors = legend(() => scale);
  if (classNames) {
    const table = pairTable(classNames);
    const paint = (both, most) => table.paint(both, step.kind === "softmax", most);
    return { elements: [element("p", { class: "note" }, "Both pictures, kept and now:"), table.element], paint };
  }
  const isVector = step.shape.length === 1;
  const [maps, height, width] = isVector ? [1, ...step.shape, 1] : step.shape;
  const shown = Math.min(maps, FIRST_MAPS);
  const pixels = isVector ? null : width === 1 ? 28 : Math.max(52, Math.min(112, width * 6));
  const pairs = Array.from({ length: shown }, (_, map) => {
    const canvases = WHICH.map((which) => {
      const label = `${isVector ? "Numbers" : `Map ${map + 1}`} of ${OF[which]}`;
      const sizes = isVector ? {} : { width, height };
      return element("canvas", { class: "map", role: "img", "aria-label": label, ...sizes });
    });
    const captions = maps === 1 || map === 0 ? WHICH : [String(map + 1), ""];
    const halves = canvases.map((canvas, i) => {
      const half = element("figure", {}, canvas, element("figcaption", {}, captions[i]));
      if (pixels) half.style.width = `${pixels}px`;
      return half;
    });
    return { canvases, element: element("div", { class: isVector ? "pair vectors" : "pair" }, ...halves) };
  });
  const what = isVector ? "numbers" : maps > shown ? `first ${shown} maps` : maps === 1 ? "map" : "maps";
  const told = element("span", {}, `The ${what} of both pictures, kept and now, in the same colors:`);
  return {
    elements: [
      element("p", { class: "note" }, told, colors),
      element("div", { class: "maps" }, ...pairs.map((pair) => pair.element)),
    ],
    paint(both, most) {
      scale = most;
      pairs.forEach(({ canvases }, map) =>
        canvases.forEach((canvas, i) => {
          if (isVector) paintVector(canvas, both[i], { scale });
          else paintMap(canvas, both[i], step.shape, map, { scale });
        }),
      );
      colors.refresh();
    },
  };
}
