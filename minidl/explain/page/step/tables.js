// Steps that take numbers from anywhere: from the places that tables name. How each is computed, said and explained.

/** The place that a table of steps has for the number `index` of a value; -1 where there is none. */
function placeOf(table, index) {
  let place = table.start;
  for (let axis = table.offsets.length - 1; axis >= 0; axis--) {
    const offsets = table.offsets[axis];
    const offset = offsets[index % offsets.length];
    if (offset === null) return -1;
    place += offset;
    index = Math.floor(index / offsets.length);
  }
  return place;
}

/** How many numbers a table has places for. */
function extent(table) {
  return size(table.offsets.map((offsets) => offsets.length));
}

/** The numbers that one number, `index`, is made of, by the step's tables. */
function groupOf(step, values, index) {
  const first = placeOf(step.groups, index);
  return Float64Array.from({ length: extent(step.within) }, (_, i) => values[first + placeOf(step.within, i)]);
}

/** What `measure` says of each number's group, measured once for each group. */
function ofGroups(step, values, measure) {
  const known = new Map();
  return (index) => {
    const first = placeOf(step.groups, index);
    if (!known.has(first)) known.set(first, measure(groupOf(step, values, index)));
    return known.get(first);
  };
}

function meanAndDeviation(step, numbers) {
  const mean = total(numbers) / numbers.length;
  const deviation = Math.sqrt(numbers.reduce((sum, x) => sum + (x - mean) ** 2, 0) / numbers.length + step.eps);
  return { mean, deviation };
}

const REDUCTIONS = {
  sum: { words: "the sum", of: total },
  mean: { words: "the mean", of: (numbers) => total(numbers) / numbers.length },
  maximum: { words: "the largest", of: (numbers) => numbers[placeOfLargest(numbers)] },
  length: { words: "the root of the sum of the squares", of: (numbers) => Math.sqrt(total(numbers.map((x) => x * x))) },
  place: { words: "the place of the largest, counted from 0,", of: placeOfLargest },
};

/** Where the first of the largest numbers is; NaN is larger than any. */
function placeOfLargest(numbers) {
  return numbers.reduce((best, x, i) => (x > numbers[best] || (x !== x && numbers[best] === numbers[best]) ? i : best), 0);
}

/** The channels that local response normalization looks at for one, first and last. */
function neighbours(step, channel) {
  const first = channel - Math.floor((step.size - 1) / 2);
  return [Math.max(first, 0), Math.min(first + step.size, step.shape[0]) - 1];
}

/** The sum that local response normalization takes a power of, and divides by. */
function responseSum(step, image, index) {
  const plane = image.length / step.shape[0];
  const [first, last] = neighbours(step, Math.floor(index / plane));
  let sum = 0;
  for (let channel = first; channel <= last; channel++) sum += image[channel * plane + (index % plane)] ** 2;
  return step.k + (step.alpha * sum) / step.size;
}

function responseDivisor(step, image, index) {
  return responseSum(step, image, index) ** step.beta;
}

/** The numbers that a transposed convolution adds up: `visit(weight, output, at)`, of a pixel for an output. */
function eachSpread(step, visit) {
  const [channels, height, width] = step.sources[0];
  const [filters, rows, columns] = step.shape;
  const [kernelRows, kernelColumns] = step.kernel;
  const [depth, some] = [filters / step.groups, channels / step.groups];
  for (let tap = 0; tap < channels * depth * kernelRows * kernelColumns; tap++) {
    const weight = step.weight[tap];
    const down = (Math.floor(tap / kernelColumns) % kernelRows) * step.dilation[0] - step.padding[0][0];
    const across = (tap % kernelColumns) * step.dilation[1] - step.padding[1][0];
    const channel = Math.floor(tap / (depth * kernelRows * kernelColumns));
    const filter = Math.floor(channel / some) * depth + (Math.floor(tap / (kernelRows * kernelColumns)) % depth);
    for (let at = 0; at < height * width; at++) {
      const y = Math.floor(at / width) * step.stride[0] + down;
      const x = (at % width) * step.stride[1] + across;
      if (y < 0 || y >= rows || x < 0 || x >= columns) continue;
      visit(weight, (filter * rows + y) * columns + x, channel * height * width + at);
    }
  }
}

Object.assign(COMPUTE, {
  copy(step, values) {
    const output = new Float32Array(size(step.shape));
    return output.map((_, i) => {
      const place = placeOf(step.places, i);
      return place < 0 ? step.fill : values[place];
    });
  },

  blend(step, image) {
    const [, height, width] = step.sources[0];
    const [, rows, columns] = step.shape;
    const output = new Float32Array(size(step.shape));
    return output.map((_, i) => {
      const start = Math.floor(i / (rows * columns)) * height * width;
      let sum = 0;
      for (const [y, down] of step.rows[Math.floor(i / columns) % rows]) {
        for (const [x, across] of step.columns[i % columns]) sum += down * across * image[start + y * width + x];
      }
      return sum;
    });
  },

  reduce(step, values) {
    const output = new Float32Array(size(step.shape));
    return output.map((_, i) => REDUCTIONS[step.operation].of(groupOf(step, values, i)));
  },

  share(step, values) {
    const powers = ofGroups(step, values, exponentials);
    return values.map((value, i) => {
      const { most, sum } = powers(i);
      return step.is_logarithm ? value - most - Math.log(sum) : Math.exp(value - most) / sum;
    });
  },

  standardize(step, values) {
    const measured = ofGroups(step, values, (numbers) => meanAndDeviation(step, numbers));
    return values.map((value, i) => {
      const [{ mean, deviation }, which] = [measured(i), placeOf(step.weights, i)];
      return ((value - mean) / deviation) * step.weight[which] + step.bias[which];
    });
  },

  response: (step, image) => image.map((value, i) => value / responseDivisor(step, image, i)),

  product(step, left, right) {
    const output = new Float32Array(size(step.shape));
    return output.map((_, i) => total(productsOf(step, left, right, i)));
  },

  transposed(step, image) {
    const sums = biases(step);
    eachSpread(step, (weight, output, at) => (sums[output] += weight * image[at]));
    return new Float32Array(sums);
  },
});

/** The products of a row of the one matrix and a column of the other. */
function productsOf(step, left, right, index) {
  const [first, second] = step.places.map((table) => placeOf(table, index));
  return Array.from({ length: step.count }, (_, k) => left[first + k] * right[second + k * step.pace]);
}

Object.assign(TITLES, {
  blend: "Resize",
  product: "Matrix product",
  response: "Normalization by neighbours",
  share: "Softmax along an axis",
  standardize: "Normalization",
  transposed: "Transposed convolution",
});

const COPIES = {
  Expand: ["Repeat", "One number is repeated where several are needed."],
  Gather: ["Choice", "Some of the numbers are chosen, in an order of their own."],
  Pad2D: ["Border", "A border is laid around each map."],
  Permute: ["Other order", "Maps, rows and columns change their places."],
  PixelShuffle: ["Pixel shuffle", "Numbers at the same place of several maps are laid side by side: fewer maps, but larger."],
  PixelUnshuffle: ["Pixel unshuffle", "Pixels side by side are dealt out to several maps: more of them, but smaller."],
  Resize: ["Resize", "Each pixel of the new size takes the number of the nearest one before."],
  Slice: ["Part", "A part of the numbers goes on, and the rest is left out."],
  Transpose: ["Other order", "Maps, rows and columns change their places."],
  UpSample2D: ["Resize", "Each pixel is repeated, so that the maps get larger."],
  ZeroPad2D: ["Border", "A border of zeros is laid around each map."],
  ZeroPadAxis: ["Border", "Zeros are added before and after."],
};

Object.assign(SENTENCES, {
  copy: (step) => [COPIES[step.layer][1], "Nothing is computed."],
  blend: (step) => [
    step.layer === "AdaptiveAveragePool2D"
      ? `Maps of another size: each of the ${step.shape[1]} × ${step.shape[2]} pixels is the mean of a part of the map.`
      : "Maps of another size: each pixel is mixed of those that were there before, and the nearest count most.",
  ],
  reduce: (step) => [
    `Of each ${extent(step.within)} numbers, ${REDUCTIONS[step.operation].words} goes on.`,
  ],
  share: (step) => [
    `Each ${extent(step.within)} numbers in a line become shares: e to the power of each, divided by the sum of all.`,
    step.is_logarithm ? "Of these shares, the logarithms go on." : null,
  ],
  standardize: (step) => [
    `Each ${extent(step.within)} numbers lose their mean and are divided by their deviation, so that bright and dark ` +
      "pictures, strong and weak ones, look alike. Then they are multiplied and shifted by learned numbers.",
  ],
  response: (step) => [
    `Each number is divided by more the larger those of the ${step.size} maps around it are at the same place: ` +
      "a strong pattern holds down its neighbours.",
  ],
  product: (step) => [
    `Each number is a row of the first times a column of the second: ${step.count} products, added up.`,
  ],
  transposed: (step) => [
    `Each pixel is spread over a window of ${step.kernel.join(" × ")}: it is multiplied by the weights of each of the ` +
      `${step.shape[0]} filters, and what windows have in common is added up. The maps get larger.`,
  ],
});

/** [map, row, column] of a place in a value of this shape. */
function spot([, height, width], place) {
  return [Math.floor(place / (height * width)), Math.floor(place / width) % height, place % width];
}

/** The map of an earlier value that a place lies in, with its pixel framed; nothing of vectors. */
function sourcePart(at, which, place, label) {
  const shape = at.step.sources[which];
  if (shape.length !== 3) return null;
  const [map, row, column] = spot(shape, place);
  const name = label || channelName(at.network, at.step.from[which], map);
  return part(name, sourceMap(at, map, pixel(row, column), which), "source");
}

/** A place in words. */
function placeText(shape, place) {
  if (shape.length !== 3) return `number ${place + 1}`;
  const [map, row, column] = spot(shape, place);
  return `map ${map + 1}, row ${row + 1}, column ${column + 1}`;
}

function told(part, ...pieces) {
  return [element("div", { class: "terms" }, part), result(...pieces)];
}

/** What a step is given first. */
function given(at) {
  return at.state.values[at.step.from[0]];
}

Object.assign(INSPECT, {
  copy(at, value) {
    const place = placeOf(at.step.places, position(at));
    if (place < 0) return [result("This place lies in the border: ", strong(value))];
    const from = placeText(at.step.sources[0], place);
    return told(sourcePart(at, 0, place), `The number comes from ${from}: `, strong(value));
  },

  blend(at, value) {
    const { step, map, row, column } = at;
    const [rows, columns] = [step.rows[row], step.columns[column]];
    const [top, left] = [rows[0][0], columns[0][0]];
    const [bottom, right] = [rows.at(-1)[0], columns.at(-1)[0]];
    const area = { y: top, x: left, rows: bottom - top + 1, columns: right - left + 1 };
    const name = channelName(at.network, step.from[0], map);
    const source = part(`${name}, and what is mixed`, sourceMap(at, map, area), "source");
    return told(source, `The weighted mean of ${rows.length * columns.length} numbers is `, strong(value));
  },

  reduce(at, value) {
    const numbers = groupOf(at.step, given(at), position(at));
    const { words } = REDUCTIONS[at.step.operation];
    const shown = numbers.length <= 6 ? `: ${Array.from(numbers, (x) => figure(x)).join(", ")};` : "";
    return [result(`Of ${numbers.length} numbers${shown} ${words} is `, strong(value))];
  },

  share(at, value) {
    const [index, { step }] = [position(at), at];
    const { most, sum } = exponentials(groupOf(step, given(at), index));
    const power = Math.exp(given(at)[index] - most);
    const words = `The power is ${brief(power)} of the largest, and all add up to ${brief(sum)}: `;
    return told(sourcePart(at, 0, index), words, step.is_logarithm ? "the logarithm of the share is " : "", strong(value));
  },

  standardize(at, value) {
    const [{ step }, index] = [at, position(at)];
    const { mean, deviation } = meanAndDeviation(step, groupOf(step, given(at), index));
    const which = placeOf(step.weights, index);
    const standard = `(${figure(given(at)[index], 3)}${term(-mean, 3)}) ÷ ${figure(deviation, 3)}`;
    const learned = ` × ${figure(step.weight[which], 3)}${term(step.bias[which], 3)} = `;
    return told(sourcePart(at, 0, index), standard, learned, strong(value));
  },

  response(at, value) {
    const [{ step }, index] = [at, position(at)];
    const [first, last] = neighbours(step, at.map);
    const divisor = figure(responseDivisor(step, given(at), index), 3);
    const words = `${figure(given(at)[index], 3)} ÷ ${divisor}, by maps ${first + 1} to ${last + 1}, is `;
    return told(sourcePart(at, 0, index), words, strong(value));
  },

  product(at, value) {
    const [left, right] = at.step.from.map((from) => at.state.values[from]);
    const products = productsOf(at.step, left, right, position(at));
    const shown = products.length <= 6 ? products.map((x, i) => (i ? term(x) : figure(x))).join("") : null;
    return [result(shown ? `${shown} = ` : `The sum of all ${products.length} products is `, strong(value))];
  },

  transposed: (at, value) => [
    result("The sum of what all windows bring here", withBias(at.step.bias ? at.step.bias[at.map] : null), ": ", strong(value)),
  ],
});
