// Derivatives: how much the result of a formula, or of an operation on two numbers, changes with each number in it.

/** Of the formulas of one number, by it, by what they give, and by their settings. At a corner they're minidl's. */
const SLOPES = {
  abs: (x) => Math.sign(x),
  clip: (x, y, low, high) => (y <= low || y >= high ? 0 : 1),
  cube: (x) => 3 * x * x,
  erf: (x) => (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x),
  exp: (x, y) => y,
  hard_sigmoid: (x, y, slope) => (y <= 0 || y >= 1 ? 0 : slope),
  log: (x) => 1 / x,
  power: (x, y, exponent) => (exponent ? exponent * x ** (exponent - 1) : 0),
  reciprocal: (x, y) => -y * y,
  rescale: (x, y, scale) => scale,
  sqrt: (x, y) => 0.5 / y,
  square: (x) => 2 * x,
  relu: (x) => (x > 0 ? 1 : 0),
  leaky_relu: (x, y, slope) => (x > 0 ? 1 : slope),
  elu: (x, y, alpha) => (x > 0 ? 1 : alpha * Math.exp(x)),
  gelu: (x) => (1 + erf(x / Math.SQRT2)) / 2 + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI),
  gelu_tanh(x) {
    const bent = Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3));
    return (1 + bent + x * (1 - bent * bent) * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x)) / 2;
  },
  selu: (x) => 1.0507009873554805 * (x > 0 ? 1 : 1.6732632423543772 * Math.exp(x)),
  mish(x) {
    const bent = Math.tanh(Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))));
    return bent + (x * (1 - bent * bent)) / (1 + Math.exp(-x));
  },
  silu: (x) => (1 + x / (1 + Math.exp(x))) / (1 + Math.exp(-x)),
  sigmoid: (x, y) => y * (1 - y),
  tanh: (x, y) => (1 - y) * (1 + y),
  softplus: (x, y, beta, threshold) => (beta * x > threshold ? 1 : 1 / (1 + Math.exp(-beta * x))),
  hard_swish: (x) => (x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5),
};

/** All of it to the one that won, and of equal ones half to each. */
const won = (x, y) => [x > y ? 1 : x === y ? 0.5 : 0, y > x ? 1 : x === y ? 0.5 : 0];

/** Of the operations on two numbers, by each of them. */
const PAIR_SLOPES = {
  add: () => [1, 1],
  divide: (x, y) => [1 / y, -x / (y * y)],
  maximum: (x, y) => won(x, y),
  minimum: (x, y) => won(-x, -y),
  multiply: (x, y) => [y, x],
  power: (x, y) => [y ? y * x ** (y - 1) : 0, x === 0 && y >= 0 ? 0 : x ** y * Math.log(x)],
  subtract: () => [1, -1],
};

/** How much an operation on numbers, one after the other, changes with each of them. */
function slopesOf(operation, numbers) {
  if (operation === "choose") return numbers[0] !== 0 ? [0, 1, 0] : [0, 0, 1];
  const results = [numbers[0]];
  for (let i = 1; i < numbers.length; i++) results.push(OPERATIONS[operation](results[i - 1], numbers[i]));
  const found = [];
  let rest = 1;
  for (let i = numbers.length - 1; i > 0; i--) {
    const [before, own] = PAIR_SLOPES[operation](results[i - 1], numbers[i]);
    found.unshift(rest * own);
    rest *= before;
  }
  return [rest, ...found];
}
