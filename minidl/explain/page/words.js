// What the page says of each kind of step, in words for those who see a network for the first time.

function shapeText(shape) {
  if (shape.length === 1) return `${shape[0]} number${shape[0] === 1 ? "" : "s"}`;
  return `${shape[0]} map${shape[0] === 1 ? "" : "s"} of ${shape[1]} × ${shape[2]}`;
}

function inputText([channels, height, width]) {
  const what = channels === 3 ? "a color image" : channels === 1 ? "an image" : `${channels} channels`;
  return `${what} of ${height} × ${width} pixels`;
}

const TITLES = {
  convolution: "Convolution",
  maximum: "Max-pooling",
  average: "Average pooling",
  scale: "Normalization",
  elementwise: "Activation",
  flatten: "Flatten",
  dense: "Dense layer",
  softmax: "Softmax",
  log_softmax: "Log-softmax",
  add: "Sum",
  constant: "Constant",
  concatenate: "Stack",
  identity: "Dropout",
};

/** Titles for where there's little room. */
const SHORT = {
  Activation: "Activ.",
  "Average pooling": "Mean",
  Convolution: "Conv",
  "Dense layer": "Dense",
  "Max-pooling": "Max",
  Normalization: "Norm",
  "Normalization by neighbours": "Norm",
  "Transposed convolution": "Up-conv",
  "Matrix product": "Matrix",
  "Softmax along an axis": "Softmax",
};

function shortTitle(step) {
  return SHORT[titleOf(step)] || titleOf(step);
}

/** What combines numbers: its name, what it does to them, and the sign between them. */
const COMBINED = {
  add: { title: "Sum", words: "added", sign: "+" },
  divide: { title: "Quotient", words: "divided, the first by the second", sign: "÷" },
  maximum: { title: "Maximum", words: "compared, and the largest goes on", sign: "or" },
  minimum: { title: "Minimum", words: "compared, and the smallest goes on", sign: "or" },
  multiply: { title: "Product", words: "multiplied", sign: "×" },
  power: { title: "Power", words: "taken to powers, the first to the second", sign: "to the power of" },
  choose: { title: "Choice", words: "chosen from: the second where the first isn’t 0, and else the third", sign: "," },
  subtract: { title: "Difference", words: "subtracted, the second from the first", sign: "−" },
};

function titleOf(step) {
  if (step.kind === "elementwise") return step.layer;
  if (step.kind === "combine") return COMBINED[step.operation].title;
  if (step.layer === "AdaptiveAveragePool2D") return TITLES.average;
  if (step.kind === "copy") return COPIES[step.layer][0];
  if (step.kind === "reduce") return step.layer.replace("Reduce", "Reduction: ");
  if (step.kind === "flatten" && step.shape.length > 1) return "Reshape";
  if (step.part) return `Convolution ${step.part}`;
  return TITLES[step.kind];
}

const BEND = "Without such a bend between them, many layers could do no more than one.";

const SENTENCES = {
  convolution(step) {
    const [rows, columns] = step.kernel;
    const [filters, depth] = [step.shape[0], step.sources[0][0] / step.groups];
    const mixing =
      `Each of the ${filters} filters mixes the ${depth} numbers that lie at the same place of the maps: ` +
      "it multiplies them by its weights and adds them up.";
    const sliding =
      `${filters === 1 ? "The filter is" : `Each of the ${filters} filters is`} a small pattern of ` +
      `${rows} × ${columns} weights${depth > 1 ? ` for each of ${depth} maps` : ""} that slides over the whole ` +
      "picture. At each place, the numbers in the window are multiplied by the weights and added up: the sum is large where " +
      "the picture looks like the pattern.";
    return [rows * columns === 1 ? mixing : sliding, grouping(step, depth), pace(step)];
  },
  maximum: (step) => [
    isGlobal(step)
      ? "Of each map, only its largest number goes on: how strongly a pattern was found, wherever it was."
      : `A window of ${step.kernel.join(" × ")} keeps only its largest number. The maps get smaller, and a pattern ` +
        "counts even if it has moved a little.",
  ],
  average: (step) => [
    isGlobal(step)
      ? "Each map becomes a single number, the mean of all of its pixels: how much of a pattern there is in all."
      : `A window of ${step.kernel.join(" × ")} becomes the mean of its numbers: the maps get smaller and smoother.`,
  ],
  scale: () => [
    "Each map is multiplied by one number and shifted by another, learned in training, so that its values are of a " +
      "handy size for what follows.",
  ],
  elementwise: (step) => [
    step.formula === "relu" ? "Negative numbers become 0, and the others stay." : "One curve bends every number.",
    BEND,
  ],
  flatten: (step) => [
    step.shape.length > 1
      ? "The same numbers, arranged in another way. Nothing is computed."
      : "All the maps are read row by row and put into one long list of numbers. Nothing is computed.",
  ],
  dense: (step) => [
    `Each of the ${step.shape[0]} units has a weight for every one of the ${step.sources[0][0]} numbers before it. ` +
      `It multiplies${step.bias ? ", adds everything up, and adds its bias" : " and adds everything up"}.`,
  ],
  softmax: (step) => [
    "Scores of any size become probabilities: e to the power of each, divided by the sum of all, so that they are " +
      "above 0 and add up to 1.",
    step.is_added ? "The model itself ends with the scores; training adds this step to them." : null,
  ],
  log_softmax: () => [
    "Scores become logarithms of probabilities: each less the logarithm of the sum of all the powers of e.",
  ],
  add: (step) => [
    "Number by number, the results of several paths are added.",
    step.layer === "Residual" && !step.is_projected
      ? "A shortcut past some layers lets what was there before through unchanged: they only have to learn what to add."
      : null,
  ],
  combine: (step) => [
    `Number by number, the results of several paths are ${COMBINED[step.operation].words}.`,
    step.sources.some((shape) => size(shape) < size(step.shape))
      ? "What has one number for a whole map counts for all of its pixels: it says how much the map matters."
      : null,
  ],
  constant: () => ["The network’s own numbers, learned in training: they are the same for every picture."],
  concatenate: () => ["The maps of several paths are put on one pile."],
  identity: () => [
    "In training, it sets some numbers to zero by chance, so that the network doesn't rely on any one of them. " +
      "In use, it lets everything through.",
  ],
};

function isGlobal(step) {
  return step.shape.length === 1 || step.shape[1] * step.shape[2] === 1;
}

function grouping(step, depth) {
  if (step.groups === 1) return null;
  if (depth === 1) return "Each filter sees one map only.";
  return `Each filter sees ${depth} of the maps only (${step.groups} groups).`;
}

function pace(step) {
  const said = [];
  const [down, across] = step.stride;
  const distance = down === across ? down : `${down} down and ${across} across`;
  if (down * across > 1) said.push(`it moves by ${distance} at a time`);
  if (Math.max(...step.padding.flat()) > 0) said.push("a border of zeros lets it go beyond the edge");
  if (Math.max(...step.dilation) > 1) said.push(`its weights lie ${step.dilation.join(" × ")} pixels apart`);
  return said.length ? `Here ${said.join("; ")}.` : null;
}

/** One paragraph. */
function sentences(step) {
  return SENTENCES[step.kind](step).filter(Boolean).join(" ");
}

/** The name of a value where a reader meets it. */
function valueName(network, value) {
  return value === 0 ? "the image" : `step ${value}`;
}
