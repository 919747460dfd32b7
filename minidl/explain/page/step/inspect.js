// How one number came about: for each kind of step, the parts of its computation for the chosen number.

const SHOWN_CHANNELS = 3;
const LARGEST_KERNEL = 11;

/**
 * The elements that explain a number. `at` is {network, state, index, step, map, row, column, allChannels}; of a
 * vector, `map` is the place in it.
 */
function inspection(at) {
  const value = at.state.values[at.index][position(at)];
  return INSPECT[at.step.kind](at, value);
}

const INSPECT = {
  convolution(at, value) {
    const { network, state, step, map, row, column, allChannels } = at;
    const depth = step.sources[0][0] / step.groups;
    const count = step.kernel[0] * step.kernel[1];
    const [first, places] = [firstChannel(step, map), taps(step, row, column)];
    const weightLook = { scale: magnitude(step.weight) };
    const sums = [];
    const rows = [];
    for (let channel = 0; channel < depth; channel++) {
      const numbers = windowNumbers(at, first + channel, places);
      const start = (map * depth + channel) * count;
      const weights = step.weight.slice(start, start + count);
      const products = numbers.map((number, i) => (number === null ? 0 : number * weights[i]));
      sums.push(total(products));
      if (channel >= SHOWN_CHANNELS && !allChannels) continue;
      const name = channelName(network, step.from[0], first + channel);
      const look = lookOf(state, step.from[0]);
      const grid = (values, itsLook, label) => cells(values, step.kernel[1], itsLook, { label });
      const productGrid = grid(products, { scale: magnitude(products) }, "the products");
      rows.push(
        element(
          "div",
          { class: "terms four" },
          part(`${name}, and the window`, sourceMap(at, first + channel, windowPlace(step, row, column)), "source"),
          part("numbers in the window", grid(numbers, look, "the window")),
          symbol("×"),
          part(`weights of filter ${map + 1}`, grid(weights, weightLook, "the weights"), "", "×"),
          symbol("="),
          part(`products, in all ${figure(sums[channel])}`, productGrid, "", "="),
        ),
      );
    }
    const bias = step.bias ? step.bias[map] : null;
    const sum = total(sums);
    const isListed = sums.length > 1 && sums.length <= 6;
    const listed = sums.map((one, i) => (i ? term(one, 3) : figure(one, 3))).join("");
    if (isListed) return [...rows, result(`The sums of the maps: ${listed}`, withBias(bias), " = ", strong(value))];
    return [...rows, productTotal(depth * count, sum, bias, value)];
  },

  maximum(at, value) {
    return pooling(at, value, (numbers) => [
      `The largest of the ${numbers.filter((number) => number !== null).length} numbers is `,
      strong(value),
    ]);
  },

  average(at, value) {
    return pooling(at, value, (numbers) => {
      const inside = numbers.filter((number) => number !== null);
      const sum = total(inside);
      return [`The sum ${figure(sum)} divided by ${averaged(at.step, inside.length)} is `, strong(value)];
    });
  },

  scale(at, value) {
    const { step } = at;
    const before = at.state.values[step.from[0]][position(at)];
    const map = Math.floor((position(at) * step.scale.length) / size(step.shape));
    return [
      ...pixelPart(at),
      result(`${figure(before, 3)} × ${figure(step.scale[map], 3)}${term(step.shift[map], 3)} = `, strong(value)),
    ];
  },

  elementwise(at, value) {
    const { state, step } = at;
    const before = state.values[step.from[0]][position(at)];
    const drawn = curve((x) => FORMULAS[step.formula](x, ...settingsOf(step, position(at))), before);
    const number = figure(before, 3);
    const said = step.formula === "relu" ? `The larger of 0 and ${number} is ` : `${number} becomes `;
    const parts = [...pixelPart(at), part(`the curve of ${step.layer}`, drawn)];
    return [element("div", { class: "terms" }, ...parts), result(said, strong(value))];
  },

  flatten(at, value) {
    const { network, step } = at;
    const map = position(at);
    const shape = network.shapes[step.from[0]];
    if (shape.length !== 3) return [result(`Number ${map + 1} stays number ${map + 1}: `, strong(value))];
    const plane = shape[1] * shape[2];
    const [source, y, x] = [Math.floor(map / plane), Math.floor((map % plane) / shape[2]), map % shape[2]];
    const picture = sourceMap(at, source, pixel(y, x));
    const name = channelName(network, step.from[0], source);
    return [
      element("div", { class: "terms" }, part(name, picture, "source")),
      result(`Number ${map + 1} of the list is row ${y + 1}, column ${x + 1} of ${name}: `, strong(value)),
    ];
  },

  dense(at, value) {
    const { network, state, step, map } = at;
    const vector = state.values[step.from[0]];
    const weights = step.weight.slice(map * vector.length, (map + 1) * vector.length);
    const products = weights.map((weight, i) => weight * vector[i]);
    const shape = spatialShape(network, step.from[0]);
    const picture = (numbers, look) => {
      const canvas = element("canvas", { class: "map" });
      return shape ? paintMaps(canvas, numbers, shape, look) : paintVector(canvas, numbers, look);
    };
    const name = at.classNames && at.classNames[map];
    const unit = !name ? `unit ${map + 1}` : Number.isNaN(Number(name)) ? name : `class ${name}`;
    const order = Array.from(products.keys()).sort((i, j) => Math.abs(products[j]) - Math.abs(products[i]));
    const list = element("ul", { class: "largest" });
    for (const i of order.slice(0, 6)) {
      const origin = originOf(network, step.from[0], i);
      const side = products[i] < 0 ? "against" : "for";
      const product = `${origin.text}: ${figure(vector[i])} × weight ${figure(weights[i])} = ${figure(products[i])}`;
      const words = element("span", {}, `${product} `, element("b", { class: side }, `${side} ${unit}`));
      list.append(element("li", {}, originPicture(at, origin), words));
    }
    const sum = total(products);
    const bias = step.bias ? step.bias[map] : null;
    return [
      element(
        "div",
        { class: "terms wide" },
        part(`the ${vector.length} numbers of ${valueName(network, step.from[0])}`, picture(vector, { scale: state.scales[step.from[0]] })),
        symbol("×"),
        part(`the weights of ${unit} for them`, picture(weights, { scale: magnitude(weights) }), "", "×"),
        symbol("="),
        part("the products", picture(products, { scale: magnitude(products) }), "", "="),
      ),
      element("p", { class: "note" }, `What counts most for or against ${unit}:`),
      list,
      productTotal(vector.length, sum, bias, value),
    ];
  },

  softmax(at, value) {
    const scores = at.state.values[at.step.from[0]];
    const { most, sum } = exponentials(scores);
    const scale = most > 80 ? most : 0; // powers of e that no computer holds are shown less a common factor
    const power = Math.exp(scores[at.map] - scale);
    const of = scale ? `(${figure(scores[at.map])} − ${figure(scale)})` : figure(scores[at.map]);
    return [
      result(
        `e to the power of ${of} is ${brief(power)}; all of the ${scores.length} powers add up to `,
        `${brief(sum * Math.exp(most - scale))}, and ${brief(power)} of that is `,
        element("strong", {}, percent(value)),
      ),
    ];
  },

  log_softmax(at, value) {
    const scores = at.state.values[at.step.from[0]];
    const { most, sum } = exponentials(scores);
    return [result(`${figure(scores[at.map])}${term(-(most + Math.log(sum)))} = `, strong(value))];
  },

  add(at, value) {
    const { network, state, step, row, column, map } = at;
    const numbers = step.from.map((from) => state.values[from][position(at)]);
    const parts = step.shape.length === 3
      ? step.from.flatMap((from, which) => [
          which ? symbol("+") : null,
          part(`${valueName(network, from)}, map ${map + 1}`, sourceMap(at, map, pixel(row, column), which), "source"),
        ])
      : [];
    return [
      element("div", { class: "terms" }, ...parts),
      result(numbers.map((number, i) => (i ? term(number) : figure(number))).join(""), " = ", strong(value)),
    ];
  },

  combine(at, value) {
    const { network, state, step } = at;
    const { sign } = COMBINED[step.operation];
    const places = step.places.map((table) => placeOf(table, position(at)));
    const numbers = step.from.map((from, which) => state.values[from][places[which]]);
    const parts = step.from.flatMap((from, which) => [
      which ? symbol(sign) : null,
      sourcePart(at, which, places[which], valueName(network, from)),
    ]);
    return [
      element("div", { class: "terms" }, ...(step.shape.length === 3 ? parts : [])),
      result(numbers.map((number) => figure(number, 3)).join(` ${sign} `), " = ", strong(value)),
    ];
  },

  concatenate(at, value) {
    const sizes = at.step.sources.map(size);
    let [place, which] = [position(at), 0];
    while (place >= sizes[which]) place -= sizes[which++];
    const name = `${placeText(at.step.sources[which], place)} of ${valueName(at.network, at.step.from[which])}`;
    return [result(`The number here is that at ${name}: `, strong(value))];
  },

  constant: (at, value) => [result("The network’s own number: ", strong(value))],

  identity: (at, value) => [result("The number stays ", strong(value))],
};

function pixel(row, column) {
  return { y: row, x: column, rows: 1, columns: 1 };
}

/** The map that a step works on number by number, with the chosen number framed. */
function pixelPart(at) {
  if (at.step.shape.length !== 3) return [];
  const name = channelName(at.network, at.step.from[0], at.map);
  return [part(`${name} before`, sourceMap(at, at.map, pixel(at.row, at.column)), "source")];
}

function pooling(at, value, say) {
  const { network, state, step, map } = at;
  const [row, column] = step.shape.length === 3 ? [at.row, at.column] : [0, 0];
  const numbers = windowNumbers(at, map, taps(step, row, column));
  const look = lookOf(state, step.from[0]);
  const marked = step.kind === "maximum" ? numbers.indexOf(value) : -1;
  const name = channelName(network, step.from[0], map);
  const window = cells(numbers, step.kernel[1], look, { marked, label: "the window" });
  return [
    element(
      "div",
      { class: "terms" },
      part(`${name}, and the window`, sourceMap(at, map, windowPlace(step, row, column)), "source"),
      Math.max(...step.kernel) <= LARGEST_KERNEL ? part("numbers in the window", window) : null,
    ),
    result(...say(numbers)),
  ];
}

/** The shape that a list of numbers had before it was flattened, if it was and there are few enough maps to show. */
function spatialShape(network, value) {
  const step = value && network.steps[value - 1];
  if (!step) return null;
  if (step.kind === "identity" || step.kind === "elementwise") return spatialShape(network, step.from[0]);
  const shape = step.kind === "flatten" ? network.shapes[step.from[0]] : [];
  return shape.length === 3 && shape[0] <= 64 ? shape : null;
}

function percent(share) {
  const value = 100 * share;
  return `${value >= 99.95 || value < 0.05 ? value.toFixed(0) : value.toFixed(1)} %`;
}

function brief(value) {
  if (value < 1e4 && value >= 1e-3) return value.toPrecision(3);
  return value.toExponential(1).replace("e-", "e−").replace("e+", "e");
}
