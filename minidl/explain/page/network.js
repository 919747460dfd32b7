// The network: each step is computed from earlier values, Float32Arrays in the order (c, h, w), to one of its own.

/** The floats of a base64 text, little-endian as the machines of all browsers are. */
function floats(text) {
  return new Float32Array(bytes(text).buffer);
}

function bytes(text) {
  const characters = atob(text);
  const found = new Uint8Array(characters.length);
  for (let i = 0; i < found.length; i++) found[i] = characters.charCodeAt(i);
  return found;
}

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%,()*+-;.=/?@^_`{|}~";

/** The bytes of a text in base85, 4 for 5 characters: Python's, but for three characters. */
function manyBytes(text) {
  const values = new Uint8Array(128);
  [...DIGITS].forEach((digit, value) => (values[digit.charCodeAt(0)] = value));
  const whole = text.padEnd(5 * Math.ceil(text.length / 5), "~");
  const found = new DataView(new ArrayBuffer((whole.length / 5) * 4));
  for (let at = 0; at < whole.length; at += 5) {
    let number = 0;
    for (let i = at; i < at + 5; i++) number = number * 85 + values[whole.charCodeAt(i)];
    found.setUint32((at / 5) * 4, number);
  }
  return found.buffer.slice(0, Math.floor((text.length * 4) / 5));
}

/** Weights that are whole numbers, of which each filter's have a unit of their own. */
function wholeNumbers(text, units) {
  const numbers = new Int16Array(manyBytes(text));
  const each = numbers.length / units.length;
  return Float32Array.from(numbers, (number, i) => number * units[Math.floor(i / each)]);
}

/** Decode the arrays of the steps, and note the shapes of what each takes; no map is `off`. */
function prepare(input, steps) {
  const shapes = [input, ...steps.map((step) => step.shape)];
  for (const step of steps) {
    step.sources = step.from.map((value) => shapes[value]);
    if (step.units) step.weight = wholeNumbers(step.weight, floats(step.units));
    else if (step.weight) step.weight = floats(step.weight);
    for (const name of ["bias", "scale", "shift", "slopes"]) if (step[name]) step[name] = floats(step[name]);
  }
  return { input, steps, shapes, off: new Map() };
}

/**
 * All values for an image: the image itself, then what each step gives; and the largest magnitude in each. Maps that are
 * `off`, a Map from steps to sets of maps, are zero from their step on. `known` are values that needn't be computed.
 */
function run(network, image, off = network.off, known = [image]) {
  const steps = running(network, off, known);
  let next = steps.next();
  while (!next.done) next = steps.next();
  return next.value;
}

/** The same in pieces: it yields after each step, so that there can be a pause. */
function* running(network, off, known) {
  const values = [...known];
  for (const step of network.steps.slice(known.length - 1)) {
    const made = COMPUTE[step.kind](step, ...step.from.map((value) => values[value]));
    values.push(withoutMaps(made, step.shape, off.get(values.length)));
    yield;
  }
  const scales = values.map(magnitude);
  // What is off may change before this is drawn.
  return { values, scales, probabilities: values.at(-1), off: new Map(Array.from(off, ([i, maps]) => [i, new Set(maps)])) };
}

const SLICE_MILLISECONDS = 12;

/** What `running` comes to, in slices of time that leave the page free, since `clock.since`; null once `isStopped()`. */
async function inSlices(steps, clock, isStopped) {
  for (;;) {
    if (isStopped()) return null;
    const next = steps.next();
    if (next.done) return next.value;
    if (performance.now() - clock.since > SLICE_MILLISECONDS) {
      await new Promise((go) => setTimeout(go));
      clock.since = performance.now();
    }
  }
}

/** A value with these maps of it zero: a copy, as some steps give on the very array that they take. */
function withoutMaps(values, shape, maps = []) {
  const plane = values.length / shape[0];
  let left = values;
  for (const map of maps) {
    if (left === values) left = values.slice();
    left.fill(0, map * plane, (map + 1) * plane);
  }
  return left;
}

/** Whether a map of a value is switched off. */
function isOff(state, value, map) {
  const maps = state.off.get(value);
  return maps !== undefined && maps.has(map);
}

/** Which pixels of the image an output's window takes: for each tap its row and column, and whether it's inside. */
function taps(step, row, column) {
  const [, height, width] = step.sources[0];
  const found = [];
  for (let i = 0; i < step.kernel[0]; i++) {
    for (let j = 0; j < step.kernel[1]; j++) {
      const y = row * step.stride[0] + i * step.dilation[0] - step.padding[0][0];
      const x = column * step.stride[1] + j * step.dilation[1] - step.padding[1][0];
      found.push({ y, x, isInside: y >= 0 && y < height && x >= 0 && x < width });
    }
  }
  return found;
}

/**
 * The rows that a convolution's taps go along: `visit(weight, output, at, count)`, where `count` outputs from `output` on
 * take as many pixels, from `at` on and a stride apart, times the tap's weight.
 */
function eachRow(step, visit) {
  const [depth, height, width] = [step.sources[0][0] / step.groups, ...step.sources[0].slice(1)];
  const [filters, rows, columns] = step.shape;
  const [kernelRows, kernelColumns] = step.kernel;
  const taps = depth * kernelRows * kernelColumns;
  for (let filter = 0; filter < filters; filter++) {
    const first = firstChannel(step, filter);
    for (let tap = 0; tap < taps; tap++) {
      const weight = step.weight[filter * taps + tap];
      const down = (Math.floor(tap / kernelColumns) % kernelRows) * step.dilation[0] - step.padding[0][0];
      const across = (tap % kernelColumns) * step.dilation[1] - step.padding[1][0];
      const channel = first + Math.floor(tap / (kernelRows * kernelColumns));
      const pace = step.stride[1];
      const start = Math.max(0, Math.ceil(-across / pace));
      const count = Math.min(columns, Math.floor((width - 1 - across) / pace) + 1) - start;
      for (let row = 0; row < rows; row++) {
        const y = row * step.stride[0] + down;
        if (y < 0 || y >= height) continue;
        const output = (filter * rows + row) * columns + start;
        visit(weight, output, (channel * height + y) * width + across + start * pace, count);
      }
    }
  }
}

/** Sums of maps, which begin with each one's bias. */
function biases(step) {
  const plane = step.shape[1] * step.shape[2];
  const sums = new Float64Array(size(step.shape));
  if (step.bias) step.bias.forEach((bias, map) => sums.fill(bias, map * plane, (map + 1) * plane));
  return sums;
}

// Sums are in double precision, and rounded once.
const COMPUTE = {
  convolution(step, image) {
    const pace = step.stride[1];
    const sums = biases(step);
    eachRow(step, (weight, output, at, count) => {
      for (let sum = output; sum < output + count; sum++, at += pace) sums[sum] += weight * image[at];
    });
    return new Float32Array(sums);
  },

  maximum(step, image) {
    // NaN wins over everything, and padding over nothing.
    const larger = (most, value) => (value > most || value !== value ? value : most);
    return pooled(step, image, (inside) => inside.reduce(larger));
  },

  average(step, image) {
    return pooled(step, image, (inside) => total(inside) / averaged(step, inside.length));
  },

  scale(step, image) {
    const size = image.length / step.scale.length;
    return image.map((value, i) => value * step.scale[Math.floor(i / size)] + step.shift[Math.floor(i / size)]);
  },

  elementwise(step, image) {
    return image.map((value, i) => FORMULAS[step.formula](value, ...settingsOf(step, i)));
  },

  dense(step, vector) {
    const output = new Float32Array(step.shape[0]);
    for (let unit = 0; unit < output.length; unit++) {
      let sum = step.bias ? step.bias[unit] : 0;
      for (let i = 0, at = unit * vector.length; i < vector.length; i++, at++) sum += step.weight[at] * vector[i];
      output[unit] = sum;
    }
    return output;
  },

  softmax(step, scores) {
    const { powers, sum } = exponentials(scores);
    return Float32Array.from(powers, (power) => power / sum);
  },

  log_softmax(step, scores) {
    const { most, sum } = exponentials(scores);
    return scores.map((score) => score - most - Math.log(sum));
  },

  add(step, first, ...others) {
    return others.reduce((sum, other) => sum.map((value, i) => value + other[i]), first);
  },

  combine(step, ...parts) {
    const output = new Float32Array(size(step.shape));
    const numbers = (i) => parts.map((part, which) => part[placeOf(step.places[which], i)]);
    const { operation } = step;
    if (operation === "choose") return output.map((_, i) => choice(...numbers(i)));
    return output.map((_, i) => numbers(i).reduce(OPERATIONS[operation]));
  },

  concatenate(step, ...parts) {
    const output = new Float32Array(size(step.shape));
    let start = 0;
    for (const part of parts) {
      output.set(part, start);
      start += part.length;
    }
    return output;
  },

  constant: (step) => step.weight,
  flatten: (step, image) => image,
  identity: (step, image) => image,
};

const choice = (condition, x, y) => (condition !== 0 ? x : y);

const OPERATIONS = {
  add: (x, y) => x + y,
  divide: (x, y) => x / y,
  maximum: (x, y) => Math.max(x, y),
  minimum: (x, y) => Math.min(x, y),
  multiply: (x, y) => x * y,
  power: (x, y) => x ** y,
  subtract: (x, y) => x - y,
};

/** The numbers of an activation's formula for number `index`: the same for all, or a slope for each map. */
function settingsOf(step, index) {
  return step.slopes ? [step.slopes[Math.floor((index * step.slopes.length) / size(step.shape))]] : step.settings;
}

const FORMULAS = {
  abs: (x) => Math.abs(x),
  clip: (x, low, high) => Math.min(Math.max(x, low), high),
  cube: (x) => x ** 3,
  erf: (x) => erf(x),
  exp: (x) => Math.exp(x),
  hard_sigmoid: (x, slope, offset) => Math.min(Math.max(slope * x + offset, 0), 1),
  log: (x) => Math.log(x),
  power: (x, exponent) => x ** exponent,
  reciprocal: (x) => 1 / x,
  rescale: (x, scale, offset) => x * scale + offset,
  sqrt: (x) => Math.sqrt(x),
  square: (x) => x * x,
  relu: (x) => (x > 0 || x !== x ? x : 0),
  leaky_relu: (x, slope) => (x > 0 ? x : slope * x),
  elu: (x, alpha) => (x > 0 ? x : alpha * Math.expm1(x)),
  gelu: (x) => (x * (1 + erf(x / Math.SQRT2))) / 2,
  gelu_tanh: (x) => (x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))) / 2,
  selu: (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x)),
  mish: (x) => x * Math.tanh(Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))),
  silu: (x) => x / (1 + Math.exp(-x)),
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  tanh: Math.tanh,
  softplus: (x, beta, threshold) => (beta * x > threshold ? x : Math.log1p(Math.exp(beta * x)) / beta),
  hard_swish: (x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6,
};

/** The error function to 1.5e-7: Abramowitz and Stegun, "Handbook of mathematical functions", 7.1.26. */
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return Math.sign(x) * (1 - series * Math.exp(-x * x));
}

/** e to the power of each score less the largest, which is so as not to overflow and changes no share. */
function exponentials(scores) {
  const most = Math.max(...scores);
  const powers = Array.from(scores, (score) => Math.exp(score - most));
  return { most, powers, sum: total(powers) };
}

function firstChannel(step, filter) {
  return Math.floor((filter * step.groups) / step.shape[0]) * (step.sources[0][0] / step.groups);
}

function averaged(step, inside) {
  return step.counts_padding ? step.kernel[0] * step.kernel[1] : inside;
}

/** The windows of all maps: `visit(places, output)`, of an output and the pixels in its window that are inside. */
function eachWindow(step, visit) {
  const [, height, width] = step.sources[0];
  const [channels, rows, columns] = [...step.shape, 1, 1];
  for (let at = 0; at < rows * columns; at++) {
    const inside = taps(step, Math.floor(at / columns), at % columns).filter((tap) => tap.isInside);
    const places = inside.map(({ y, x }) => y * width + x);
    for (let channel = 0; channel < channels; channel++) {
      visit(places.map((place) => channel * height * width + place), channel * rows * columns + at);
    }
  }
}

/** What `reduce` makes of the numbers in each window that are inside of the image. */
function pooled(step, image, reduce) {
  const output = new Float32Array(size(step.shape));
  eachWindow(step, (places, at) => (output[at] = reduce(places.map((place) => image[place]))));
  return output;
}

function total(numbers) {
  return numbers.reduce((sum, number) => sum + number, 0);
}

/** The largest of the numbers, whatever their signs. */
function magnitude(numbers) {
  return numbers.reduce((most, number) => Math.max(most, Math.abs(number)), 0);
}

function size(shape) {
  return shape.reduce((product, length) => product * length, 1);
}
