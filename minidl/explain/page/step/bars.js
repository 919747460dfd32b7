// Numbers of the classes as bars: probabilities from the left, scores to both sides of zero.

/** A row for each class; with `choose`, rows can be pointed at, and `choose(i)` is told. `colorOf(i)` is a class's own. */
function makeBars(classNames, choose = null, colorOf = null) {
  const list = element("ol", { class: choose ? "bars chosen" : "bars" });
  const rows = classNames.map((name, i) => {
    const fill = element("span", { class: "fill" });
    const figures = element("span", { class: "figure" });
    const label = element("span", { class: "name", title: name }, name);
    const content = [label, element("span", { class: "track" }, fill), figures];
    const row = element(choose ? "button" : "span", choose ? { type: "button" } : { class: "row" }, ...content);
    if (choose) for (const event of ["pointerenter", "focus", "click"]) row.addEventListener(event, () => choose(i));
    const item = element("li", {}, row);
    list.append(item);
    return { item, row, fill, figures };
  });
  return {
    element: list,
    paint(values, isShare, scale) {
      const highest = values.indexOf(Math.max(...values));
      rows.forEach(({ item, fill, figures }, i) => {
        if (colorOf) fill.style.background = `rgb(${colorOf(i)})`;
        paintBar(fill, values[i], isShare, scale);
        figures.textContent = isShare ? percent(values[i]) : figure(values[i]);
        item.classList.toggle("highest", i === highest);
        item.classList.toggle("centred", !isShare);
      });
    },
    mark(chosen) {
      rows.forEach(({ item, row }, i) => {
        item.classList.toggle("marked", i === chosen);
        row.setAttribute("aria-pressed", i === chosen);
      });
    },
  };
}

/** Give a bar its length: a share's from the left, another number's from the middle, where `scale` reaches the end. */
function paintBar(fill, value, isShare, scale) {
  const part = isShare ? value : Math.abs(value) / (2 * scale || 1);
  fill.style.width = `${100 * part}%`;
  fill.style.left = isShare ? "0" : `${value < 0 ? 50 - 100 * part : 50}%`;
  fill.classList.toggle("negative", value < 0);
}

function barsView(at, choose, classNames) {
  const bars = makeBars(classNames, (i) => choose(i, 0, 0));
  return {
    element: bars.element,
    legend: null,
    paint: () => bars.paint(at.state.values[at.index], at.step.kind === "softmax", at.state.scales[at.index]),
    mark: () => bars.mark(at.map),
  };
}
