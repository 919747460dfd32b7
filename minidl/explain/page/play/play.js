// A convolution to play with: a window slides over a small picture, and its sizes are the reader's to choose.

/** Make the section: {element, open(sizes, step), redraw()}. It is filled when it's opened or comes in sight. */
function makePlay() {
  const body = element("div", { class: "play" });
  const section = element(
    "section",
    { id: "play", "aria-labelledby": "play-title" },
    element("h2", { id: "play-title" }, "Try other sizes"),
    element("p", {}, "What kernel, stride, padding and dilation do, on a small picture: a seven, of whole numbers."),
    body,
  );
  let widget = null;
  const fill = () => {
    widget ||= makeWidget(body);
    return widget;
  };
  const observer = new IntersectionObserver(([{ isIntersecting }]) => {
    if (isIntersecting) observer.disconnect(), fill();
  });
  observer.observe(section);
  return { element: section, open: (...told) => fill().set(...told), redraw: () => widget && widget.redraw() };
}

function makeWidget(body) {
  let [sizes, place, origin] = [USUAL, 0, null];
  let now = null; // {step, picture, output, source, filled}
  const note = element("p", { class: "note" });
  const formula = element("p", { class: "formula" });
  const nothing = element("p", { class: "nothing", role: "status" });
  const grids = element("div", { class: "terms grids" });
  const numbers = element("div", { class: "numbers" });
  const sliders = sizeControls((name, value) => set({ ...sizes, [name]: value }));
  const moves = moveControls(show);
  body.append(note, sliders.element, formula, nothing, moves.element, grids, numbers);

  /** Take sizes, those of a network's step or what a reader has chosen. */
  function set(chosen, step = null) {
    [sizes, place, origin] = [chosen, 0, step];
    moves.stop();
    build();
  }

  function build() {
    const [step, picture] = [stepOf(sizes), seven(sizes.size)];
    const output = COMPUTE.convolution(step, picture);
    now = { step, picture, output, source: sourceGrid(step, picture) };
    const [rows, columns] = [0, 1].map((axis) => lengthText(sizes, axis));
    const sum = "output = floor((n + 2p − d(k − 1) − 1) ÷ s) + 1";
    const lines = rows === columns ? [` = ${rows}`] : [`; rows: ${rows}`, `; columns: ${columns}`];
    formula.replaceChildren(element("span", {}, sum), ...lines.map((line) => element("span", {}, line)));
    sliders.show(sizes);
    sayOrigin();
    const { length } = output;
    nothing.textContent = length ? restText() : nothingText();
    nothing.classList.toggle("wrong", !length);
    const border = sizes.padding.flat().some(Boolean) ? "the picture and its border" : "the picture";
    grids.replaceChildren(part(length ? `${border}, and the window` : border, now.source.element));
    if (!length) {
      now.source.hide();
      numbers.replaceChildren();
      return moves.show(0, 0);
    }
    now.filled = outputGrid(step, output, (row, column) => {
      moves.stop();
      show(row * step.shape[2] + column);
    });
    grids.append(symbol("→"), part(`the output, ${step.shape[1]} × ${step.shape[2]}`, now.filled.element));
    show(Math.min(place, length - 1), false);
  }

  function sayOrigin() {
    note.replaceChildren();
    if (!origin) return;
    note.append("The sizes of ", element("a", { href: `#step-${origin}` }, `step ${origin}`), ", on a smaller picture.");
  }

  function restText() {
    const [rows, columns] = [0, 1].map((axis) => leftOver(sizes, axis));
    const many = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
    const rest = [rows && many(rows, "row"), columns && many(columns, "column")].filter(Boolean).join(" and ");
    return rest ? `At the end ${rest} ${rows + columns === 1 ? "is" : "are"} left over: no window gets there.` : "";
  }

  function nothingText() {
    const axis = outputLength(sizes, 0) < 1 ? 0 : 1;
    const room = sizes.size + sizes.padding[axis][0] + sizes.padding[axis][1];
    return (
      `Nothing fits: the kernel reaches over ${reachOf(sizes, axis)} pixels, and the picture with its border has ` +
      `${room}. Take a larger picture, more padding, or a smaller kernel or dilation.`
    );
  }

  /** Move the window to a place, counted row by row. Only what a person does is announced. */
  function show(asked, isByHand = true) {
    const { step, picture, output, source, filled } = now;
    place = asked;
    const [row, column] = [Math.floor(place / step.shape[2]), place % step.shape[2]];
    source.show(row, column);
    filled.show(row, column);
    moves.show(place, output.length);
    numbers.setAttribute("aria-live", isByHand ? "polite" : "off");
    const state = { values: [picture] };
    const window = windowNumbers({ state, step: { ...step, from: [0] } }, 0, taps(step, row, column));
    const weights = Array.from(step.weight);
    const products = window.map((value, i) => (value || 0) * weights[i]);
    const columns = step.kernel[1];
    const terms = products.map((value, i) => (i ? (value < 0 ? " − " : " + ") + Math.abs(value) : whole(value))).join("");
    const sum = products.length <= 9 ? `${terms} = ` : `the sum of all ${products.length} products is `;
    numbers.replaceChildren(
      element(
        "div",
        { class: "terms" },
        part("window", filledGrid(window, columns, "the window")),
        symbol("×"),
        part("weights", filledGrid(weights, columns, "the weights")),
        symbol("="),
        part("products", filledGrid(products, columns, "the products")),
      ),
      result(`Row ${row + 1}, column ${column + 1}: ${sum}`, element("strong", {}, whole(output[place]))),
    );
  }

  build();
  return { set, redraw: build };
}

/** A link from each convolution to the section, which begins with the sizes of that. */
function linkToPlay(network, stations, play) {
  network.steps.forEach((step, i) => {
    const sizes = step.kind === "convolution" ? sizesOf(step) : null;
    if (!sizes) return;
    const link = element("a", { class: "try", href: "#play" }, "Try other sizes");
    link.addEventListener("click", () => {
      settle(stations, stations.length - 1); // so that nothing above pushes the section away
      play.open(sizes, i + 1);
    });
    const tools = stations[i].element.querySelector(".tools");
    tools.insertBefore(link, tools.lastChild);
  });
}
