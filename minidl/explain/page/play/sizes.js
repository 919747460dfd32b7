// What a convolution of these sizes is: how large its output is, and one step of it on a small picture of whole numbers.

/** The least and the most of what a reader can choose. */
const SIZES = { size: [1, 12], kernel: [1, 7], stride: [1, 4], padding: [0, 4], dilation: [1, 3] };
const USUAL = { size: 7, kernel: [3, 3], stride: [1, 1], padding: [[1, 1], [1, 1]], dilation: [1, 1] };

/** How far a kernel reaches along an axis, from its first tap to its last. */
function reachOf({ kernel, dilation }, axis) {
  return (kernel[axis] - 1) * dilation[axis] + 1;
}

/** The length of what a convolution gives along an axis; below 1, its kernel fits nowhere. */
function outputLength(sizes, axis) {
  const [before, after] = sizes.padding[axis];
  return Math.floor((sizes.size + before + after - reachOf(sizes, axis)) / sizes.stride[axis]) + 1;
}

/** The rows or columns at the end that no window gets to. */
function leftOver(sizes, axis) {
  const [before, after] = sizes.padding[axis];
  return Math.max(0, sizes.size + before + after - reachOf(sizes, axis)) % sizes.stride[axis];
}

/** The output's length along an axis, by its formula with the numbers put in. */
function lengthText(sizes, axis) {
  const [before, after] = sizes.padding[axis];
  const { size: n, kernel, stride, dilation } = sizes;
  const border = before === after ? `2 × ${before}` : `${before} + ${after}`;
  const room = n + before + after - reachOf(sizes, axis);
  const [k, s, d] = [kernel[axis], stride[axis], dilation[axis]];
  const sum = `floor((${n} + ${border} − ${d} × (${k} − 1) − 1) ÷ ${s}) + 1`;
  return `${sum} = floor(${whole(room)} ÷ ${s}) + 1 = ${whole(outputLength(sizes, axis))}`;
}

/** A whole number with a real minus sign. */
function whole(value) {
  return (value < 0 ? "−" : "") + Math.abs(value);
}

/** A seven: a bar, and a stroke that leans, with the numbers 0 to 3. */
function seven(n) {
  return Float32Array.from({ length: n * n }, (_, i) => {
    const [row, column] = [Math.floor(i / n), i % n];
    if (row < 1 || row > n - 2 || column < 1 || column > n - 2) return 0;
    const stroke = n - 2 - Math.floor((row - 1) / 2);
    if (row === 1 || column === stroke) return 3;
    return column === stroke - 1 ? 1 : 0;
  });
}

/** Weights that find where it gets brighter from left to right; in a single column, they add up. */
function edgeWeights([rows, columns]) {
  return Float32Array.from({ length: rows * columns }, (_, i) =>
    columns === 1 ? 1 : Math.sign(2 * (i % columns) - (columns - 1)),
  );
}

/** These sizes as a step of a network: one filter for one map. */
function stepOf(sizes) {
  const { size: n, kernel, stride, padding, dilation } = sizes;
  const shape = [1, Math.max(0, outputLength(sizes, 0)), Math.max(0, outputLength(sizes, 1))];
  const how = { kernel, stride, padding, dilation, groups: 1, weight: edgeWeights(kernel), bias: null };
  return { kind: "convolution", sources: [[1, n, n]], shape, ...how };
}

/** The sizes of a network's convolution on a picture with room for some windows; nothing if they can't be chosen here. */
function sizesOf(step) {
  const { kernel, stride, padding, dilation } = step;
  const isIn = (name, values) => values.flat().every((value) => value >= SIZES[name][0] && value <= SIZES[name][1]);
  if (!Object.entries({ kernel, stride, padding, dilation }).every(([name, values]) => isIn(name, values))) return null;
  const room = (axis) => reachOf(step, axis) + 2 * stride[axis] - padding[axis][0] - padding[axis][1];
  const least = Math.max(USUAL.size, room(0), room(1));
  return least > SIZES.size[1] ? null : { size: least, kernel, stride, padding, dilation };
}
