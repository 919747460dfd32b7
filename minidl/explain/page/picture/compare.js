// Two pictures beside each other: one is kept with its results, while the next ones come and go.

Object.assign(ICONS, {
  both: "M1.5 3H7v10H1.5zM9 3h5.5v10H9zM10.2 4.2v7.6h3.1V4.2z",
  swap: "M4.5 2L1 5.5 4.5 9V6.5H11v-2H4.5zM11.5 7l3.5 3.5-3.5 3.5v-2.5H5v-2h6.5z",
});

const KEPT = "This picture is kept. Choose another one: you see both, here and at every step.";

/**
 * {tools, element, state(), paint(state)}: `present()` is the {pixels, state, name} that's shown, `show(pixels)` shows others, and
 * `changed()` is told when comparing begins or ends. `state()` is that of the picture kept, or null.
 */
function makeComparison(network, classNames, { present, show, changed }) {
  const shape = network.steps.at(-1).shape;
  const press = { type: "button", class: "compare", "aria-pressed": "false", onclick: toggle };
  const button = element("button", press, icon("both"), "Compare");
  button.title = "Keep this picture and its results beside the next one";
  const exchange = { type: "button", class: "swap", hidden: true, onclick: swap };
  const swapper = element("button", exchange, icon("swap"), "Swap");
  const said = element("p", { class: "note", role: "status" });
  const results = element("div", { class: "comparison", hidden: true });
  let [kept, view] = [null, null];

  function toggle() {
    kept = kept ? null : present();
    button.setAttribute("aria-pressed", kept !== null);
    swapper.hidden = results.hidden = kept === null;
    said.textContent = kept ? KEPT : "";
    view = kept && comparisonView(network.input, shape, classNames);
    results.replaceChildren(...(view ? view.elements : []));
    changed();
  }

  function swap() {
    const now = present();
    const { pixels } = kept;
    kept = now;
    said.textContent = "Kept is what was shown, and shown what was kept.";
    show(pixels);
  }

  return {
    tools: element("div", { class: "tools" }, button, swapper),
    element: element("div", { class: "comparing" }, said, results),
    state: () => kept && kept.state,
    paint: (state) => view && view.paint([kept, { ...present(), state }]),
  };
}

/** Both pictures above what the network gives for each: {elements, paint([kept, now])}. */
function comparisonView(input, shape, classNames) {
  const canvas = (label) => element("canvas", { class: "map", role: "img", "aria-label": label });
  const pictures = WHICH.map((which) => canvas(OF[which]));
  const captions = WHICH.map((which) => element("span", { class: "which" }, which));
  const isOfMaps = shape.length > 1;
  const given = isOfMaps ? WHICH.map((which) => canvas(`What the network gives for ${OF[which]}`)) : [];
  const heads = pictures.map((picture, i) =>
    element("div", { class: "head" }, picture, ...given.slice(i, i + 1), captions[i]),
  );
  const names = isOfMaps && classNames.length < 2 ? [] : classNames;
  const table = pairTable(names, heads, isOfMaps ? classColor : null);
  return {
    elements: [table.element],
    paint(both) {
      const shares = both.map(({ pixels, state, name }, i) => {
        paintImage(pictures[i], pixels, input);
        captions[i].textContent = name ? `${WHICH[i]}: ${name}` : WHICH[i];
        return isOfMaps ? paintGiven(given[i], state, shape, classNames, scaleOfBoth(both)) : state.probabilities;
      });
      if (shares.every(Boolean)) table.paint(shares, true, 1);
    },
  };
}

const scaleOfBoth = (both) => Math.max(...both.map(({ state }) => state.scales.at(-1)));
