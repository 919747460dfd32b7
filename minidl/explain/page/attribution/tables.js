// The gradients of steps that take numbers from anywhere: from the places that tables name.

/** A gradient that goes back along each number's group: `share(places, i)` is told of all numbers of a step. */
function eachGroup(step, count, share) {
  const within = Array.from({ length: extent(step.within) }, (_, i) => placeOf(step.within, i));
  for (let i = 0; i < count; i++) {
    const first = placeOf(step.groups, i);
    share(within.map((offset) => first + offset), i);
  }
}

Object.assign(BACKWARD, {
  copy(step, dy) {
    const dx = zeros(step);
    dy.forEach((gradient, i) => {
      const place = placeOf(step.places, i);
      if (place >= 0) dx[place] += gradient;
    });
    return [dx];
  },

  blend(step, dy) {
    const [, height, width] = step.sources[0];
    const [, rows, columns] = step.shape;
    const dx = zeros(step);
    dy.forEach((gradient, i) => {
      const start = Math.floor(i / (rows * columns)) * height * width;
      for (const [y, down] of step.rows[Math.floor(i / columns) % rows]) {
        for (const [x, across] of step.columns[i % columns]) dx[start + y * width + x] += down * across * gradient;
      }
    });
    return [dx];
  },

  reduce(step, dy, [x], y) {
    const dx = zeros(step);
    const shares = {
      sum: () => 1,
      mean: (place, i, places) => 1 / places.length,
      length: (place, i) => (y[i] ? x[place] / y[i] : 0),
    };
    eachGroup(step, dy.length, (places, i) => {
      if (step.operation === "maximum") dx[places[placeOfLargest(places.map((place) => x[place]))]] += dy[i];
      else if (step.operation !== "place") { // where the largest is doesn't change by a little
        for (const place of places) dx[place] += dy[i] * shares[step.operation](place, i, places);
      }
    });
    return [dx];
  },

  share(step, dy, _, y) {
    const sums = ofGroups(step, step.is_logarithm ? dy : dy.map((gradient, i) => gradient * y[i]), total);
    if (step.is_logarithm) return [dy.map((gradient, i) => gradient - Math.exp(y[i]) * sums(i))];
    return [dy.map((gradient, i) => y[i] * (gradient - sums(i)))];
  },

  standardize(step, dy, [x]) {
    const measured = ofGroups(step, x, (numbers) => meanAndDeviation(step, numbers));
    const standard = Float64Array.from(x, (value, i) => (value - measured(i).mean) / measured(i).deviation);
    const weighted = dy.map((gradient, i) => gradient * step.weight[placeOf(step.weights, i)]);
    const means = ofGroups(step, weighted, REDUCTIONS.mean.of);
    const alike = ofGroups(step, weighted.map((gradient, i) => gradient * standard[i]), REDUCTIONS.mean.of);
    return [weighted.map((gradient, i) => (gradient - means(i) - standard[i] * alike(i)) / measured(i).deviation)];
  },

  response(step, dy, [x]) {
    const plane = x.length / step.shape[0];
    const dx = zeros(step);
    dy.forEach((gradient, i) => {
      const sum = responseSum(step, x, i);
      const own = gradient / sum ** step.beta;
      dx[i] += own;
      const held = ((2 * step.alpha * step.beta) / step.size) * ((own * x[i]) / sum);
      const [first, last] = neighbours(step, Math.floor(i / plane));
      for (let at = first * plane + (i % plane); at <= last * plane + (i % plane); at += plane) dx[at] -= held * x[at];
    });
    return [dx];
  },

  product(step, dy, [left, right]) {
    const [dleft, dright] = [zeros(step), zeros(step, 1)];
    dy.forEach((gradient, i) => {
      const [first, second] = step.places.map((table) => placeOf(table, i));
      for (let k = 0; k < step.count; k++) {
        dleft[first + k] += gradient * right[second + k * step.pace];
        dright[second + k * step.pace] += gradient * left[first + k];
      }
    });
    return [dleft, dright];
  },

  transposed(step, dy) {
    const dx = zeros(step);
    eachSpread(step, (weight, output, at) => (dx[at] += weight * dy[output]));
    return [dx];
  },
});
