// What the network makes of the picture: its classes with their shares, or, where it gives maps, a picture of these.

// Colors that differ for all kinds of color vision: Okabe and Ito, "Color universal design", 2008.
const CLASS_COLORS = [
  [230, 159, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66], [0, 114, 178], [213, 94, 0], [204, 121, 167],
  [120, 120, 120],
];

/** What the network says: {element, paint(state)}, with `said`, a few words of it. */
function makeResult(network, classes) {
  const shape = network.steps.at(-1).shape;
  return shape.length === 1 ? scoresResult(classes) : mapsResult(shape, classes);
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
  const [count, height, width] = shape;
  const canvas = element("canvas", { class: "map", role: "img", "aria-label": "What the network gives", width, height });
  const bars = classes.length > 1 ? makeBars(classes, null, CLASS_COLORS) : null;
  return {
    element: element("div", { class: "result" }, canvas, bars && bars.element),
    said: "",
    paint(state) {
      const values = state.values.at(-1);
      if (!bars) return paintMaps(canvas, values, shape, { scale: state.scales.at(-1) });
      const shares = new Float32Array(count);
      paint(canvas, width, height, (y, x) => {
        const numbers = Array.from({ length: count }, (_, map) => values[(map * height + y) * width + x]);
        const winner = placeOfLargest(numbers);
        shares[winner] += 1 / (height * width);
        return CLASS_COLORS[winner % CLASS_COLORS.length];
      });
      bars.paint(shares, true, 1);
      const most = placeOfLargest(shares);
      this.said = `${classes[most]} in ${percent(shares[most])} of the pixels`;
    },
  };
}
