// The whole network at a glance: a column of maps for each block, lines between blocks, and a link to each.

/** Names of a block's steps, its own first: "Convolution, normalization, ReLU". */
function blockName(network, { steps: [first, last] }) {
  if (last === 0) return "The picture";
  const words = (step) => (titleOf(step) === step.layer ? step.layer : titleOf(step).toLowerCase());
  return [titleOf(network.steps[first - 1]), ...network.steps.slice(first, last).map(words)].join(", ");
}

/**
 * An overview: {element, paint(state), mark(step)}. `go(step, map)` is told what's clicked. A mini one is a picture for
 * the mouse only; the other one has links and says, beneath, which maps feed what's pointed at.
 */
function makeOverview(network, blocks, { isMini = false, height, go }) {
  const canvas = element("canvas", { "aria-hidden": "true" });
  const svg = svgElement("svg", { preserveAspectRatio: "none", "aria-hidden": isMini ? "true" : "false" });
  const holder = element("div", { class: isMini ? "plan mini" : "plan" }, canvas, svg);
  const said = isMini ? null : element("p", { class: "told" });
  const hint = "Point at a map to see which maps it is made of; click a block to go to its first step.";
  const blockOf = (step) => blocks.findIndex(({ steps }) => step <= steps[1]);
  const feeding = svgElement("g", { class: "feeds" });
  let [plan, state, marked, links] = [null, null, 0, []];

  function layOut() {
    const width = Math.floor(holder.clientWidth);
    if (!width || (plan && plan.width === width && plan.asked === height())) return;
    plan = { ...planOf(network, blocks, width, height(), isMini), asked: height() };
    const ratio = Math.min(devicePixelRatio || 1, 2);
    Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(plan.height * ratio) });
    svg.setAttribute("viewBox", `0 0 ${width} ${plan.height}`);
    holder.style.height = `${plan.height}px`;
    const lines = blocks.flatMap((block, j) =>
      block.from.map((source) =>
        svgElement("path", {
          class: source === j - 1 ? "line" : "line arc",
          d: routeOf(plan, source, j, blocks[source].lane, isMini),
        }),
      ),
    );
    links = blocks.map(linkOf);
    svg.replaceChildren(...lines, feeding, ...links);
    mark(marked);
    repaint();
  }

  function linkOf(block, j) {
    const { left, top, pitch } = plan.places[j];
    const box = { x: left + 1, y: top + plan.above - 3, width: pitch - 2, height: plan.tall - plan.above, rx: 4 };
    const [first, last] = block.steps;
    const area = svgElement("rect", { class: "area", ...box });
    if (isMini) return area;
    const what = `${blockName(network, block)}: ${j ? shapeText(network.shapes[last]) : inputText(network.input)}`;
    const short = j ? `${first} ${shortTitle(network.steps[mainOf(network, block) - 1])}` : "Picture";
    const target = { href: j ? `#step-${first}` : "#choose", "aria-label": `${short}. ${what}` };
    const [x, y] = [left + pitch / 2, top + plan.above + plan.room + 8];
    const across = { x, y: y + 8, "text-anchor": "middle" };
    const name = svgElement("text", pitch > WIDE ? across : { transform: `translate(${x} ${y}) rotate(90)`, dy: ".35em" });
    name.textContent = short;
    const link = svgElement("a", target, area, name);
    link.addEventListener("focus", () => tell(j, -1));
    return link;
  }

  function repaint() {
    if (plan && state) paintPlan(canvas, network, blocks, plan, state);
  }

  /** Show which maps feed a map, and say it; of a block without a map, what it is. */
  function tell(j, map) {
    feeding.replaceChildren();
    if (j < 0) return void (said.textContent = hint);
    const [first, last] = blocks[j].steps;
    const steps = first === last ? `Step ${first}: ` : `Steps ${first} to ${last}: `;
    const what = `${j ? steps : ""}${blockName(network, blocks[j])}`;
    const shape = network.shapes[last];
    if (map < 0 || j === 0) {
      said.textContent = `${what}. ${j ? `It gives ${shapeText(shape)}` : `It is ${inputText(network.input)}`}.`;
      return;
    }
    const sources = blockFeeds(network, blocks[j].steps, map);
    const words = sources.map(({ value, first, last }) => feedText(network, value, first, last)).join(" and ");
    const one = shape.length === 1 ? `Number ${map + 1} of ${shape[0]}` : `Map ${map + 1} of ${shape[0]}`;
    said.textContent = `${what}. ${one} is made of ${words || "the network’s own numbers"}.`;
    const point = (place, one, side) => [place.x + side * place.width, place.y + one * place.pace + place.height / 2];
    for (const { value, first, last } of sources) {
      const from = plan.places[blockOf(value)];
      for (let one = first; one <= Math.min(last, from.shown - 1); one++) {
        const [[x0, y0], [x1, y1]] = [point(from, one, 1), point(plan.places[j], map, 0)];
        feeding.append(
          svgElement("path", { d: `M${x0} ${y0}C${(x0 + x1) / 2} ${y0} ${(x0 + x1) / 2} ${y1} ${x1} ${y1}` }),
          frameOf(from, one),
        );
      }
    }
    feeding.append(frameOf(plan.places[j], map));
  }

  function frameOf({ x, y, width, height, pace }, map) {
    return svgElement("rect", { x: x - 1, y: y + map * pace - 1, width: width + 2, height: height + 2 });
  }

  function mark(step) {
    marked = step;
    links.forEach((link, j) => link.classList.toggle("current", step > 0 && j === blockOf(step)));
  }

  const found = (event) => {
    const box = svg.getBoundingClientRect();
    return plan && atPoint(plan, event.clientX - box.left, event.clientY - box.top);
  };
  svg.addEventListener("click", (event) => {
    const at = found(event);
    if (at && event.detail) go(blocks[at.block].steps, at.map);
    if (isMini && at && at.block) location.hash = `step-${blocks[at.block].steps[0]}`;
  });
  if (!isMini) {
    svg.addEventListener("pointermove", (event) => {
      const at = found(event);
      tell(at ? at.block : -1, at ? at.map : -1);
    });
    svg.addEventListener("pointerleave", () => tell(-1, -1));
    tell(-1, -1);
  }
  new ResizeObserver(layOut).observe(holder);

  return {
    element: isMini ? holder : element("div", {}, holder, said),
    mark,
    redraw: repaint,
    paint(now) {
      state = now;
      if (plan) repaint();
      else layOut();
    },
  };
}

/** The step that a block is named by: the first that isn't a mere rearrangement. */
function mainOf(network, { steps: [first, last] }) {
  let step = first;
  while (step < last && network.steps[step - 1].kind === "flatten") step++;
  return step;
}

function feedText(network, value, first, last) {
  const [count, ...rest] = network.shapes[value];
  const [what, whose] = [rest.length ? "map" : "number", value === 0 ? "the picture" : `step ${value}`];
  if (count === 1) return value === 0 ? whose : `the ${what} of ${whose}`;
  if (value === 0 && count === 3 && first !== last) return "all colors of the picture";
  if (last - first + 1 === count) return `all ${count} ${what}s of ${whose}`;
  return last === first ? `${what} ${first + 1} of ${whose}` : `${what}s ${first + 1} to ${last + 1} of ${whose}`;
}

/** Paint all maps of a plan into one canvas, each from the nearest of its numbers. */
function paintPlan(canvas, network, blocks, plan, state) {
  const ratio = canvas.width / plan.width;
  const context = canvas.getContext("2d");
  const picture = context.createImageData(canvas.width, canvas.height);
  const bytes = new Uint32Array(picture.data.buffer);
  const shades = shadeTable();
  blocks.forEach(({ steps: [, value] }, j) => {
    const place = plan.places[j];
    const [maps, rows, columns] = [...network.shapes[value], 1, 1];
    const [numbers, plane] = [state.values[value], rows * columns];
    const [look, isColored] = [lookOf(state, value), value === 0 && maps === 3];
    for (let map = 0; map < place.shown; map++) {
      const top = Math.round((place.y + map * place.pace) * ratio);
      const left = Math.round(place.x * ratio);
      const tall = Math.max(1, Math.round(place.height * ratio));
      const wide = Math.max(1, Math.round(place.width * ratio));
      for (let y = 0; y < tall; y++) {
        const row = map * plane + Math.floor((y * rows) / tall) * columns;
        const at = (top + y) * canvas.width + left;
        for (let x = 0; x < wide; x++) {
          const place = row + Math.floor((x * columns) / wide);
          if (isColored) bytes[at + x] = greyOf(...[0, 1, 2].map((channel) => numbers[place + channel * plane]));
          else if (look.isImage) bytes[at + x] = greyOf(numbers[place], numbers[place], numbers[place]);
          else bytes[at + x] = shades[shadeOf(numbers[place], look.scale)];
        }
      }
    }
  });
  context.putImageData(picture, 0, 0);
}

const SHADES = 255;

/** The colors of numbers from the most negative to the most positive one, as the bytes of pixels; the last is NaN's. */
function shadeTable() {
  const table = new Uint32Array(2 * SHADES + 2);
  for (let i = 0; i <= 2 * SHADES; i++) table[i] = packed(color(i / SHADES - 1, { scale: 1 }));
  table[2 * SHADES + 1] = packed(color(NaN, {}));
  return table;
}

function shadeOf(value, scale) {
  if (value !== value) return 2 * SHADES + 1;
  const part = scale > 0 ? Math.min(Math.max(value / scale, -1), 1) : 0;
  return Math.round((part + 1) * SHADES);
}

function greyOf(...channels) {
  return packed(channels.map((value) => Math.round(255 * whiteness(value))));
}

function packed([red, green, blue]) {
  return (255 << 24) | (blue << 16) | (green << 8) | red;
}
