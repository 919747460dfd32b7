// Pictures of whole numbers, as squares with figures in them.

/** A picture of cells: {element, put(i, value, look), mark(i, name, isMarked)}; what `put` isn't told of stays empty. */
function makeGrid(rows, columns, label, attributes = {}) {
  const grid = element("div", { class: "cells", role: "img", "aria-label": label, ...attributes });
  grid.style.gridTemplateColumns = `repeat(${columns}, 1fr)`;
  grid.style.setProperty("--columns", columns);
  const made = Array.from({ length: rows * columns }, () => element("span"));
  grid.append(...made);
  return {
    element: grid,
    /** A number; null is one of the padding, and undefined none. */
    put(i, value, look = null) {
      const cell = made[i];
      cell.classList.toggle("outside", value === null);
      cell.textContent = value === undefined ? "" : whole(value || 0);
      if (value === null || value === undefined) cell.style.background = cell.style.color = "";
      else tint(cell, value, look);
    },
    mark: (i, name, isMarked) => made[i].classList.toggle(name, isMarked),
    label: (text) => grid.setAttribute("aria-label", text),
  };
}

/** Numbers that stay as they are. */
function filledGrid(numbers, columns, label) {
  const grid = makeGrid(numbers.length / columns, columns, label);
  const look = { scale: magnitude(numbers.map((value) => value || 0)) };
  numbers.forEach((value, i) => grid.put(i, value, look));
  return grid.element;
}

/** The picture with its border, over which the window slides: {element, show(row, column)}. */
function sourceGrid(step, picture) {
  const [, height, width] = step.sources[0];
  const [[top, bottom], [left, right]] = step.padding;
  const [rows, columns] = [top + height + bottom, left + width + right];
  const border = top + bottom + left + right ? ", with a border of zeros" : "";
  const grid = makeGrid(rows, columns, `The picture, ${height} × ${width}${border}`);
  const look = { scale: magnitude(picture) };
  for (let i = 0; i < rows * columns; i++) {
    const [y, x] = [Math.floor(i / columns) - top, (i % columns) - left];
    const isInside = y >= 0 && y < height && x >= 0 && x < width;
    grid.put(i, isInside ? picture[y * width + x] : null, look);
  }
  const frame = element("div", { class: "frame" });
  const holder = element("div", { class: "picture" }, grid.element, frame);
  holder.style.setProperty("--columns", columns);
  let marked = [];
  return {
    element: holder,
    show(row, column) {
      const place = windowPlace(step, row, column);
      placeFrame(frame, { ...place, y: place.y + top, x: place.x + left }, rows, columns);
      for (const i of marked) grid.mark(i, "tap", false);
      marked = taps(step, row, column).map(({ y, x }) => (y + top) * columns + x + left);
      for (const i of marked) grid.mark(i, "tap", true);
    },
    hide: () => frame.remove(),
  };
}

/** What the convolution gives, filled up to the window's place: {element, show(row, column)}. `choose` is told a place. */
function outputGrid(step, output, choose) {
  const [, rows, columns] = step.shape;
  const grid = makeGrid(rows, columns, "The output", { tabindex: "0" });
  const look = { scale: magnitude(output) };
  const at = { map: 0, row: 0, column: 0 };
  grid.element.classList.add("chosen");
  grid.element.addEventListener("pointerdown", (event) => choose(...pointed(event, rows, columns)));
  grid.element.addEventListener("keydown", (event) => {
    keys(event, at, [1, rows, columns], (_, row, column) => choose(row, column));
  });
  return {
    element: grid.element,
    show(row, column) {
      Object.assign(at, { row, column });
      const now = row * columns + column;
      output.forEach((value, i) => {
        grid.put(i, i <= now ? value : undefined, look);
        grid.mark(i, "marked", i === now);
      });
      const said = `row ${row + 1}, column ${column + 1}: ${whole(output[now])}`;
      grid.label(`The output, ${rows} × ${columns}, ${said}. Arrow keys move.`);
    },
  };
}
