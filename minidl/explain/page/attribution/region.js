// Where in a picture most of something is, in words.

const REGIONS = [
  ...["in the upper left", "at the top", "in the upper right"],
  ...["at the left", "in the middle", "at the right"],
  ...["in the lower left", "at the bottom", "in the lower right"],
];

/** Which ninth of a picture a pixel lies in, as a number in REGIONS. */
function ninthOf(row, column, height, width) {
  return 3 * Math.floor((3 * (row + 0.5)) / height) + Math.floor((3 * (column + 0.5)) / width);
}

/** Of numbers (h, w) none of which is below 0: {words, share} of the ninth that has most; null if all are 0. */
function strongestRegion(numbers, height, width) {
  const sums = new Float64Array(REGIONS.length);
  numbers.forEach((value, at) => (sums[ninthOf(Math.floor(at / width), at % width, height, width)] += value));
  const most = placeOfLargest(sums);
  return sums[most] ? { words: REGIONS[most], share: sums[most] / total(sums) } : null;
}
