// "What mattered": which pixels the score of a class depends on, by its gradient and by covering parts of the picture.

const PATIENCE_MILLISECONDS = 60;

/**
 * {element, update(state, pixels), redraw(), lost()}: computed only while it's open. Its parts are {element, show(),
 * leave(why)}, and `about` is what they show: {network, names, state, pixels, chosen()}.
 */
function makeMattered(network, classes) {
  const shape = network.shapes.at(-1);
  const names = Array.from({ length: shape[0] }, (_, i) => classes[i] || `map ${i + 1}`);
  const highest = element("option", { value: -1 });
  const options = names.map((name, i) => element("option", { value: i }, name));
  const select = element("select", { id: "asked" }, highest, ...options);
  const best = () => placeOfLargest(classScores(network, about.state));
  const chosen = () => (Number(select.value) < 0 ? best() : Number(select.value));
  const about = { network, names, state: null, pixels: null, chosen };
  const covering = shape.length === 1 ? occlusionPart(about) : null;
  const parts = [gradientPart(about), covering].filter(Boolean);
  const details = element(
    "details",
    { id: "mattered" },
    element("summary", {}, element("h2", {}, "What mattered")),
    element("p", {}, "Which pixels does the score of a class depend on?"),
    element("div", { class: "tools" }, element("label", { for: "asked" }, "Class", select)),
    element("div", { class: "ways" }, ...parts.map((part) => part.element)),
  );
  let waiting = null;

  function show() {
    clearTimeout(waiting);
    if (!details.open || !about.state) return;
    highest.textContent = `the highest: ${names[best()]}`;
    for (const part of parts) part.show();
  }

  select.addEventListener("change", show);
  details.addEventListener("toggle", () => {
    if (details.open) show();
    else for (const part of parts) part.leave("");
  });
  return {
    element: details,
    redraw: show,
    lost: () => covering && covering.lost(),
    /** Take another picture, or the same with other filters switched off. The maps wait until a drawing hand rests, so as not to hold it up. */
    update(state, pixels) {
      if (state === about.state) return;
      const what = pixels === about.pixels ? "network" : "picture";
      Object.assign(about, { state, pixels });
      for (const part of parts) part.leave(`The ${what} has changed.`);
      clearTimeout(waiting);
      if (details.open) waiting = setTimeout(show, PATIENCE_MILLISECONDS);
    },
  };
}

/** A picture of the panel with its caption: {element, canvas}. */
function captioned(caption) {
  const canvas = element("canvas", { class: "map", role: "img", "aria-label": caption });
  return { element: element("figure", {}, canvas, element("figcaption", { "aria-hidden": "true" }, caption)), canvas };
}
