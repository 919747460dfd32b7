// A grey square slides over the picture, and the network says what it sees then: minidl's `inspection.occlusion`.

/** Sides of the square, as parts of the picture's, and the part that's usual. */
const SQUARES = [
  { name: "small", part: 10 },
  { name: "medium", part: 5 },
  { name: "large", part: 3 },
];
const USUAL_PART = 5;

/** [rows, columns] of the square that is a part of a picture (c, h, w). */
function squareOf([, height, width], part) {
  return [Math.ceil(height / part), Math.ceil(width / part)];
}

/** Where squares begin: every half of one, and once at the end, so that each pixel of the last is covered. */
function starts(length, side) {
  const found = [];
  for (let at = 0; at < length - side; at += Math.ceil(side / 2)) found.push(at);
  return [...found, length - side];
}

/** All places of the square, {y, x, rows, columns}. */
function squarePlaces([, height, width], [rows, columns]) {
  return starts(height, rows).flatMap((y) => starts(width, columns).map((x) => ({ y, x, rows, columns })));
}

/** The picture with a square of it covered by the mean of all its numbers. */
function covered(pixels, [channels, height, width], { y, x, rows, columns }) {
  const grey = total(Float64Array.from(pixels)) / pixels.length;
  const found = Float32Array.from(pixels);
  for (let channel = 0; channel < channels; channel++) {
    for (let row = y; row < y + rows; row++) {
      const start = (channel * height + row) * width + x;
      found.fill(grey, start, start + columns);
    }
  }
  return found;
}

/** How much probability is lost where a pixel is covered, (h, w): the mean of the squares over it, so far. */
function lossMap([, height, width], places, losses) {
  const [lost, times] = [new Float64Array(height * width), new Uint16Array(height * width)];
  losses.forEach((loss, i) => {
    const { y, x, rows, columns } = places[i];
    for (let row = y; row < y + rows; row++) {
      for (let at = row * width + x; at < row * width + x + columns; at++) {
        lost[at] += loss;
        times[at] += 1;
      }
    }
  });
  return Float32Array.from(lost, (sum, at) => (times[at] ? sum / times[at] : 0));
}

/** The probabilities with the square at each of a job's places, into `job.seen`; `told()` hears of each, until it's stopped. */
async function tryPlaces(network, job, told) {
  const clock = { since: performance.now() };
  for (const place of job.places) {
    const steps = running(network, job.off, [covered(job.pixels, network.input, place)]);
    const state = await inSlices(steps, clock, () => job.isStopped);
    if (!state) return;
    job.seen.push(state.probabilities);
    told();
  }
}
