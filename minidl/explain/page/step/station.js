// A station is one step of the network on the page: what it does, what it gives, and how one number came about.

const SLIDE_MILLISECONDS = 140;

/** Make the station of the step that gives value `index`: {element, update(state), wantsUpdate}. */
function makeStation(network, index, classNames) {
  const step = network.steps[index - 1];
  const isImage = step.shape.length === 3;
  const names = isOfClasses(step, classNames) ? classNames : null;
  const at = { network, index, step, classNames: names, map: 0, row: 0, column: 0, allChannels: false, state: null };
  const [outputs, panel] = [element("div", { class: "outputs" }), element("div", { class: "panel" })];
  const tools = element("div", { class: "tools" });
  const station = element(
    "section",
    { class: `station of-${step.kind}`, id: `step-${index}`, "aria-labelledby": `number-${index} title-${index}` },
    element(
      "header",
      {},
      element("span", { class: "number", id: `number-${index}` }, String(index)),
      element("h2", { id: `title-${index}` }, titleOf(step)),
      element("code", {}, step.code),
    ),
    element("p", { class: "shapes" }, ...takes(network, step, index), " → ", element("b", {}, shapeText(step.shape))),
    element("p", {}, sentences(step)),
  );
  if (step.path.includes(".")) station.classList.add("inner");
  const next = network.steps[index];
  // Where the next one doesn't take what this one gives, it begins another path.
  if (next) station.append(element("div", { class: "onward" }, icon(next.from.includes(index) ? "down" : "more")));
  let isStale = true;
  const extras = [];

  const view = step.kind === "identity" ? null : makeView(at, choose);
  if (view) {
    outputs.append(view.element);
    station.append(element("div", { class: "body" }, element("div", { class: "left" }, outputs, tools), panel));
    addTools();
  }

  function addTools() {
    const places = isImage ? step.shape[1] * step.shape[2] : step.shape[0];
    if (places > 1) tools.append(slideButton(places));
    if (view.showAll) {
      const button = element("button", { type: "button" }, `Show all ${step.shape[0]} maps`);
      button.addEventListener("click", () => {
        view.showAll();
        button.remove();
        draw();
      });
      tools.append(button);
    }
    const depth = step.kind === "convolution" ? step.sources[0][0] / step.groups : 0;
    if (depth > SHOWN_CHANNELS) {
      const label = () => `Compute with ${at.allChannels ? SHOWN_CHANNELS : `all ${depth}`} maps in sight`;
      const button = element("button", { type: "button", "aria-pressed": "false" }, label());
      button.addEventListener("click", () => {
        at.allChannels = !at.allChannels;
        button.textContent = label();
        button.setAttribute("aria-pressed", at.allChannels);
        inspect();
      });
      tools.append(button);
    }
    tools.append(element("span", { class: "legend" }, view.legend));
  }

  /** A button that visits all places, one after the other. */
  function slideButton(places) {
    const isWindow = ["convolution", "maximum", "average"].includes(step.kind) && isImage;
    const label = isWindow ? "Slide the window" : "Go through all";
    const button = element("button", { type: "button", class: "slide", "aria-pressed": "false" }, icon("play"), label);
    let timer = null;
    const stop = () => {
      clearInterval(timer);
      timer = null;
      button.replaceChildren(icon("play"), label);
      button.setAttribute("aria-pressed", "false");
    };
    const advance = () => {
      const now = isImage ? at.row * step.shape[2] + at.column + 1 : at.map + 1;
      if (isImage) choose(at.map, Math.floor((now % places) / step.shape[2]), now % step.shape[2], false);
      else choose(now % places, 0, 0, false);
    };
    button.addEventListener("click", () => {
      if (timer) return stop();
      timer = setInterval(advance, SLIDE_MILLISECONDS);
      button.replaceChildren(icon("stop"), "Stop");
      button.setAttribute("aria-pressed", "true");
    });
    outputs.addEventListener("pointerdown", () => timer && stop());
    return button;
  }

  /** Look at another number. Only what a person does is announced to screen readers. */
  function choose(map, row, column, isAnnounced = true) {
    Object.assign(at, { map, row, column });
    panel.setAttribute("aria-live", isAnnounced ? "polite" : "off");
    view.mark();
    inspect();
  }

  /** Begin with the largest number in the middle of the maps, as there is little to see in their borders. */
  function chooseLargest(values) {
    const [maps, height, width] = isImage ? step.shape : [step.shape[0], 1, 1];
    const [top, left] = [Math.floor(height / 4), Math.floor(width / 4)];
    let most = -Infinity;
    for (let map = 0; map < (isImage ? Math.min(maps, FIRST_MAPS) : maps); map++) {
      for (let row = top; row < height - top; row++) {
        for (let column = left; column < width - left; column++) {
          const value = values[(map * height + row) * width + column];
          if (value > most) [most, at.map, at.row, at.column] = [value, map, row, column];
        }
      }
    }
  }

  function inspect() {
    if (at.state) panel.replaceChildren(...(isOff(at.state, index, at.map) ? [switchedOff(step)] : inspection(at)));
  }

  function draw() {
    if (!at.state || !view) return;
    view.paint();
    view.mark();
    inspect();
    for (const extra of extras) extra.draw(at.state);
  }

  return {
    element: station,
    /** Have an {element, draw(state)} beneath what the station shows, which is drawn with it. */
    append(extra) {
      if (!view) return;
      extras.push(extra);
      outputs.parentNode.append(extra.element);
    },
    /** Take another image's values; they are drawn when the station is in sight. */
    update(state, isInSight) {
      if (!at.state) chooseLargest(state.values[index]);
      at.state = state;
      panel.setAttribute("aria-live", "off");
      isStale = !isInSight;
      if (isInSight) draw();
    },
    arrive() {
      if (isStale) draw();
      isStale = false;
    },
    redraw: draw,
    /** Show a map and what made the number that's chosen in it. */
    look(map) {
      if (map < 0 || map >= step.shape[0]) return;
      if (map >= FIRST_MAPS && view.showAll) view.showAll();
      if (at.state) draw();
      choose(map, at.row, at.column, false);
    },
  };
}

/** What is said of a number in a map that is switched off. */
function switchedOff(step) {
  return result(`This ${nounOf(step)} is switched off, and all that it gives is `, strong(0));
}

/** What a step takes, with links to steps that aren't the one before. */
function takes(network, step, index) {
  return step.from.flatMap((value, which) => {
    const shape = value === 0 ? inputText(network.input) : shapeText(network.shapes[value]);
    const name = valueName(network, value);
    const link = value ? element("a", { href: `#step-${value}` }, name) : name;
    return [which ? " and " : "", ...(value === index - 1 ? [shape] : [link, `: ${shape}`])];
  });
}
