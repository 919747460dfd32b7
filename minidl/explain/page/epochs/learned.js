// As it learned: a slider over epochs, with the filters, the maps of a picture, and the probabilities in each.

const EPOCH_MILLISECONDS = 700;

/** The section of the snapshots `data.epochs`: {element, redraw()}. Pixels are painted when it comes in sight. */
function makeLearned(data, network) {
  const { classes } = data;
  const kept = readEpochs(data.epochs);
  const last = kept.numbers.length - 1;
  let [epoch, chosen, isInSight] = [kept.begin, 0, false];

  const title = element("h2", { id: "learned-title" }, "As it learned");
  const words =
    "This is the same network before training and after each epoch, one pass through all the training images. Move the " +
    "slider to see what it made of a few pictures then.";
  const slider = element("input", { type: "range", min: 0, max: last, step: 1, value: epoch, id: "epoch" });
  const where = element("output", { for: "epoch", "aria-live": "off" });
  const logs = element("p", { class: "logs" });
  const cards = Array.from({ length: kept.count }, (_, i) => pictureCard(kept, classes, i, () => look(i)));
  const rows = element("div", { class: "rows" });
  const strip = element("div", { class: "strip" });
  const painters = [];

  function addRow(name, canvas, note, painter) {
    rows.append(element("div", {}, element("h3", {}, ...name), canvas, note && element("p", { class: "note" }, note)));
    painters.push(painter);
  }

  const link = (step) => [element("a", { href: `#step-${step}` }, `step ${step}`), `, ${titleOf(network.steps[step - 1])}`];
  if (kept.filters) {
    const { step, shape } = kept.filters;
    const canvas = filterTiles(shape, step);
    const part = shape[0] < network.steps[step - 1].shape[0] ? `${shape[0]} of its filters. ` : "";
    const note = shape[1] === 3 ? "Each in the colors that it looks for; grey is a weight of 0." : "";
    addRow(["Filters of ", ...link(step)], canvas, part + note, () => {
      const { values, scale } = kept.filtersIn(epoch);
      paintFilters(canvas, values, shape, scale);
    });
  }
  for (const layer of kept.layers) {
    const [count, ...size] = layer.shape;
    const [maps, height] = network.steps[layer.step - 1].shape;
    const canvas = epochTiles(count, size, `${count} maps of step ${layer.step}`);
    const part = count < maps ? `${count} of ${maps} maps. ` : "";
    const note = part + (size[0] < height ? `Smaller than they are: ${size.join(" × ")} means.` : "");
    addRow(["Maps of ", ...link(layer.step)], canvas, note, () => {
      const { values, scale } = kept.mapsIn(layer, epoch, chosen);
      paintMaps(canvas, values, layer.shape, { scale });
      canvas.setAttribute("aria-label", `${count} maps of step ${layer.step}, of ${pictureName(kept, classes, chosen)}`);
    });
  }

  const player = makePlayer(
    () => epoch === last,
    () => go(epoch === last ? 0 : epoch + 1),
  );
  slider.addEventListener("input", () => {
    player.stop();
    go(Number(slider.value));
  });

  function go(to) {
    epoch = to;
    slider.value = epoch;
    slider.setAttribute("aria-valuetext", `${epochText(kept, epoch)}. ${logText(kept, epoch)}`);
    where.textContent = epochText(kept, epoch);
    logs.textContent = logText(kept, epoch);
    cards.forEach((card) => card.paint(epoch));
    paintAll();
  }

  function look(picture) {
    chosen = picture;
    cards.forEach((card, i) => card.mark(i === chosen));
    paintAll();
  }

  function paintAll() {
    if (!isInSight) return;
    cards.forEach(({ canvas }, i) => paintImage(canvas, kept.picture(i), data.epochs.pictures.shape));
    for (const painter of painters) painter();
  }

  const now = epochText(kept, kept.begin, true).replace(/^./, (letter) => letter.toLowerCase());
  const of = kept.isOfPage ? `The rest of this page shows the network ${now}.` : "";
  const section = element(
    "section",
    { id: "learned", "aria-labelledby": "learned-title" },
    title,
    element("p", {}, words, " ", of),
    element("div", { class: "tools" }, player.element, element("label", { for: "epoch" }, "Epoch ", slider), where),
    logs,
    element("div", { class: "cards" }, ...cards.map((card) => card.element)),
    rows,
    strip,
  );
  look(0);
  go(epoch);
  new IntersectionObserver(
    ([{ isIntersecting }], observer) => {
      if (!isIntersecting) return;
      observer.disconnect();
      isInSight = true;
      paintAll();
    },
    { rootMargin: `${REACH}px` },
  ).observe(section);

  return {
    element: section,
    redraw() {
      if (paper.isPrinted) strip.replaceChildren(epochStrip(kept, network, classes, chosen));
      else strip.replaceChildren();
      isInSight ||= paper.isPrinted;
      paintAll();
    },
  };
}

/** A button that goes through the epochs; where motion isn't wanted, to the next one only. */
function makePlayer(isAtEnd, advance) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const button = element("button", { type: "button" });
  let timer = null;

  function show() {
    const label = calm.matches ? "Next epoch" : timer ? "Stop" : "Play";
    button.replaceChildren(icon(timer ? "stop" : "play"), label);
  }

  function stop() {
    clearInterval(timer);
    timer = null;
    show();
  }

  function step() {
    advance();
    if (isAtEnd()) stop();
  }

  button.addEventListener("click", () => {
    if (timer) return stop();
    if (calm.matches) return advance();
    advance(); // from the end it's to the beginning
    timer = setInterval(step, EPOCH_MILLISECONDS);
    show();
  });
  calm.addEventListener("change", stop);
  show();
  return { element: button, stop };
}
