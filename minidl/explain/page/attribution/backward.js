// The gradient of a class's score by the picture: the steps again, from the last to the first.

/**
 * Of each kind of step: the gradients by the values that it took, from that by the value it gave, `dy`. `given` are the
 * values that it took, and `y` is the one it gave. All are as long as their values; sums are in double precision.
 */
const BACKWARD = {
  convolution(step, dy) {
    const pace = step.stride[1];
    const dx = zeros(step);
    eachRow(step, (weight, output, at, count) => {
      for (let i = output; i < output + count; i++, at += pace) dx[at] += weight * dy[i];
    });
    return [dx];
  },

  maximum(step, dy, [image]) {
    const dx = zeros(step);
    eachWindow(step, (places, at) => (dx[places[placeOfLargest(places.map((place) => image[place]))]] += dy[at]));
    return [dx];
  },

  average(step, dy) {
    const dx = zeros(step);
    eachWindow(step, (places, at) => {
      for (const place of places) dx[place] += dy[at] / averaged(step, places.length);
    });
    return [dx];
  },

  scale(step, dy) {
    const size = dy.length / step.scale.length;
    return [dy.map((gradient, i) => gradient * step.scale[Math.floor(i / size)])];
  },

  elementwise(step, dy, [x], y) {
    const slope = SLOPES[step.formula];
    return [dy.map((gradient, i) => (gradient ? gradient * slope(x[i], y[i], ...settingsOf(step, i)) : 0))];
  },

  dense(step, dy) {
    const dx = zeros(step);
    for (let unit = 0; unit < dy.length; unit++) {
      for (let i = 0, at = unit * dx.length; i < dx.length; i++, at++) dx[i] += step.weight[at] * dy[unit];
    }
    return [dx];
  },

  softmax(step, dy, _, y) {
    const sum = total(dy.map((gradient, i) => gradient * y[i]));
    return [dy.map((gradient, i) => y[i] * (gradient - sum))];
  },

  log_softmax(step, dy, _, y) {
    const sum = total(dy);
    return [dy.map((gradient, i) => gradient - Math.exp(y[i]) * sum)];
  },

  add: (step, dy) => step.from.map(() => dy),

  combine(step, dy, given) {
    const found = given.map((_, which) => zeros(step, which));
    dy.forEach((gradient, i) => {
      const places = step.places.map((table) => placeOf(table, i));
      const slopes = slopesOf(step.operation, places.map((place, which) => given[which][place]));
      places.forEach((place, which) => (found[which][place] += gradient * slopes[which]));
    });
    return found;
  },

  concatenate(step, dy, given) {
    let end = 0;
    return given.map(({ length }) => dy.subarray(end, (end += length)));
  },

  constant: (step) => [zeros(step)],
  flatten: (step, dy) => [dy],
  identity: (step, dy) => [dy],
};

/** A gradient by one of the values that a step takes, to add to. */
function zeros(step, which = 0) {
  return new Float64Array(size(step.sources[which]));
}

/** Which value has the scores: the last, or what's before the softmax, where one follows (of maps none is looked for). */
function scoresValue(network) {
  let value = network.steps.length;
  while (["softmax", "log_softmax"].includes(network.steps[value - 1].kind)) [value] = network.steps[value - 1].from;
  return value;
}

/** The score of each class; of maps, the sum of the class's map. */
function classScores(network, state) {
  const value = scoresValue(network);
  const [classes] = network.shapes[value];
  const plane = size(network.shapes[value]) / classes;
  return Array.from({ length: classes }, (_, i) => total(state.values[value].subarray(i * plane, (i + 1) * plane)));
}

/** How much the score of a class rises with each number of the picture, as long as this is. */
function inputGradient(network, state, chosen) {
  const last = scoresValue(network);
  const gradients = network.shapes.map(() => null);
  const plane = size(network.shapes[last]) / network.shapes[last][0];
  gradients[last] = new Float64Array(size(network.shapes[last])).fill(1, chosen * plane, (chosen + 1) * plane);
  for (let value = last; value > 0; value--) {
    if (!gradients[value]) continue; // nothing that counts takes it
    const step = network.steps[value - 1];
    const given = step.from.map((from) => state.values[from]);
    const dy = withoutMaps(gradients[value], step.shape, state.off.get(value)); // what's switched off stays zero
    const found = BACKWARD[step.kind](step, dy, given, state.values[value]);
    step.from.forEach((from, which) => {
      const sum = (gradients[from] ||= new Float64Array(found[which].length));
      for (let i = 0; i < sum.length; i++) sum[i] += found[which][i];
    });
    gradients[value] = null;
  }
  return gradients[0] || new Float64Array(size(network.input));
}
