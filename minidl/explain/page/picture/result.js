// What the network makes of the picture: its classes with their shares, or, where it gives maps, a picture of these.

/** What the network says: {element, paint(state)}, with `said`, a few words of it. */
function makeResult(network, classes) {
  const shape = network.steps.at(-1).shape;
  return shape.length === 1 ? scoresResult(classes) : mapsResult(shape, classes);
}

function classColor(i) {
  return colors().classes[i % colors().classes.length];
}

function scoresResult(classes) {
  const bars = makeBars(classes);
  return {
    element: bars.element,
    highest: (state) => state.probabilities.indexOf(Math.max(...state.probabilities)),
    paint(state) {
      bars.paint(state.probabilities, true, 1);
      const highest = this.highest(state);
      this.said = `${classes[highest]}, ${percent(state.probabilities[highest])}`;
    },
  };
}

/** A class for each pixel, the one whose map has the largest number there; without names the maps as they are. */
function mapsResult(shape, classes) {
  const [, height, width] = shape;
  const canvas = element("canvas", { class: "map", role: "img", "aria-label": "What the network gives", width, height });
  const bars = classes.length > 1 ? makeBars(classes, null, classColor) : null;
  return {
    element: element("div", { class: "result" }, canvas, bars && bars.element),
    said: "",
    paint(state) {
      const shares = paintGiven(canvas, state, shape, classes, state.scales.at(-1));
      if (!bars) return;
      bars.paint(shares, true, 1);
      const most = placeOfLargest(shares);
      this.said = `${classes[most]} in ${percent(shares[most])} of the pixels`;
    },
  };
}

/** Paint a class for each pixel, and give the share of each; without names paint the maps, in colors up to `scale`. */
function paintGiven(canvas, state, shape, classes, scale) {
  const [count, height, width] = shape;
  const values = state.values.at(-1);
  if (classes.length < 2) return void paintMaps(canvas, values, shape, { scale });
  const shares = new Float32Array(count);
  paint(canvas, width, height, (y, x) => {
    const numbers = Array.from({ length: count }, (_, map) => values[(map * height + y) * width + x]);
    const winner = placeOfLargest(numbers);
    shares[winner] += 1 / (height * width);
    return classColor(winner);
  });
  return shares;
}
