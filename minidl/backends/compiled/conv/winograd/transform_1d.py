"""Winograd's transforms in one dimension, F(4, 3): a few sums of vectors, whose lanes are channels.

Four outputs of a filter with three taps are a product of polynomials, taken at six points: 0, a, -a, b, -b, infinity
(Winograd, Arithmetic Complexity of Computations, 1980; Lavin and Gray, Fast Algorithms for Convolutional Neural
Networks, 2015). With pairs of points, even and odd parts are shared. a = 5/8 and b = 3/2 lose a quarter of the digits
that 1 and 2 do, since their powers stay near one (Barabasz et al., Error Analysis and Improving the Accuracy of
Winograd Convolution for Deep Neural Networks, 2018), and those of their powers that are used are exact in binary.

Each function reads a vector, or `count` lanes of it, from each address. Results go to target, target + step, ..., in
full vectors.
"""

from minidl.backends.compiled.codegen.jit import njit
from minidl.backends.compiled.codegen.lanewise import add, multiply, multiply_add, subtract
from minidl.backends.compiled.codegen.load_store import load, load_whole, splat, store_whole

OUT_TILE = 4
"""Outputs of a tile, in each dimension."""

IN_TILE = 6
"""Inputs of a tile, and points, in each dimension."""

A, B = 5 / 8, 3 / 2
A2, B2 = A * A, B * B
AT_ZERO = 1 / (A2 * B2)
AT_A = 1 / (2 * A2 * (A2 - B2))
AT_B = 1 / (2 * B2 * (B2 - A2))
"""One over the value at a point of the product of its distances from the other finite ones."""


@njit
def input_1d(memory, d0, d1, d2, d3, d4, d5, target, step, count):
    """Six inputs to six points: the coefficients of the interpolation, transposed."""
    both, neither = splat(memory, A2 * B2), splat(memory, -A2 - B2)
    a, minus_a, minus_a2 = splat(memory, A), splat(memory, -A), splat(memory, -A2)
    b, minus_b, minus_b2 = splat(memory, B), splat(memory, -B), splat(memory, -B2)
    x0, x1, x2 = load(memory, d0, count), load(memory, d1, count), load(memory, d2, count)
    x3, x4, x5 = load(memory, d3, count), load(memory, d4, count), load(memory, d5, count)
    store_whole(memory, target, multiply_add(both, x0, multiply_add(neither, x2, x4)))
    even, odd = multiply_add(minus_b2, x2, x4), multiply_add(minus_b2, x1, x3)
    store_whole(memory, target + step, multiply_add(a, odd, even))
    store_whole(memory, target + 2 * step, multiply_add(minus_a, odd, even))
    even, odd = multiply_add(minus_a2, x2, x4), multiply_add(minus_a2, x1, x3)
    store_whole(memory, target + 3 * step, multiply_add(b, odd, even))
    store_whole(memory, target + 4 * step, multiply_add(minus_b, odd, even))
    store_whole(memory, target + 5 * step, multiply_add(both, x1, multiply_add(neither, x3, x5)))


@njit
def output_1d(memory, source, source_step, count):
    """Six points to four outputs, which are returned: the powers of the points, up to the third."""
    a, a2, a3 = splat(memory, A), splat(memory, A2), splat(memory, A * A2)
    b, b2, b3 = splat(memory, B), splat(memory, B2), splat(memory, B * B2)
    m0, m1 = load(memory, source, count), load(memory, source + source_step, count)
    m2, m3 = load(memory, source + 2 * source_step, count), load(memory, source + 3 * source_step, count)
    m4, m5 = load(memory, source + 4 * source_step, count), load(memory, source + 5 * source_step, count)
    even_a, odd_a, even_b, odd_b = add(m1, m2), subtract(m1, m2), add(m3, m4), subtract(m3, m4)
    return (
        add(add(m0, even_a), even_b),
        multiply_add(a, odd_a, multiply(b, odd_b)),
        multiply_add(a2, even_a, multiply(b2, even_b)),
        multiply_add(a3, odd_a, multiply_add(b3, odd_b, m5)),
    )


@njit
def output_grad_1d(memory, d0, d1, d2, d3, target, step, count):
    """Gradients of four outputs to six points: `output_1d`, transposed."""
    a, minus_a, a2 = splat(memory, A), splat(memory, -A), splat(memory, A2)
    b, minus_b, b2 = splat(memory, B), splat(memory, -B), splat(memory, B2)
    x0, x1 = load(memory, d0, count), load(memory, d1, count)
    x2, x3 = load(memory, d2, count), load(memory, d3, count)
    store_whole(memory, target, x0)
    even, odd = multiply_add(a2, x2, x0), multiply_add(a2, x3, x1)
    store_whole(memory, target + step, multiply_add(a, odd, even))
    store_whole(memory, target + 2 * step, multiply_add(minus_a, odd, even))
    even, odd = multiply_add(b2, x2, x0), multiply_add(b2, x3, x1)
    store_whole(memory, target + 3 * step, multiply_add(b, odd, even))
    store_whole(memory, target + 4 * step, multiply_add(minus_b, odd, even))
    store_whole(memory, target + 5 * step, x3)


@njit
def filter_1d(memory, g0, g1, g2, target, step):
    """Three taps of filters, given as vectors, to six points: values there over distances from the other points."""
    at_zero = splat(memory, AT_ZERO)
    at_a, a2, odd_at_a = splat(memory, AT_A), splat(memory, A2), splat(memory, A * AT_A)
    at_b, b2, odd_at_b = splat(memory, AT_B), splat(memory, B2), splat(memory, B * AT_B)
    store_whole(memory, target, multiply(at_zero, g0))
    even, odd = multiply(at_a, multiply_add(a2, g2, g0)), multiply(odd_at_a, g1)
    store_whole(memory, target + step, add(even, odd))
    store_whole(memory, target + 2 * step, subtract(even, odd))
    even, odd = multiply(at_b, multiply_add(b2, g2, g0)), multiply(odd_at_b, g1)
    store_whole(memory, target + 3 * step, add(even, odd))
    store_whole(memory, target + 4 * step, subtract(even, odd))
    store_whole(memory, target + 5 * step, g2)


@njit
def filter_grad_1d(memory, source, source_step, target, step):
    """Gradients at six points to those of three taps: `filter_1d`, transposed."""
    at_zero = splat(memory, AT_ZERO)
    at_a, odd_at_a, square_at_a = splat(memory, AT_A), splat(memory, A * AT_A), splat(memory, A2 * AT_A)
    at_b, odd_at_b, square_at_b = splat(memory, AT_B), splat(memory, B * AT_B), splat(memory, B2 * AT_B)
    m0, m1 = load_whole(memory, source), load_whole(memory, source + source_step)
    m2, m3 = load_whole(memory, source + 2 * source_step), load_whole(memory, source + 3 * source_step)
    m4, m5 = load_whole(memory, source + 4 * source_step), load_whole(memory, source + 5 * source_step)
    even_a, odd_a, even_b, odd_b = add(m1, m2), subtract(m1, m2), add(m3, m4), subtract(m3, m4)
    store_whole(memory, target, multiply_add(at_zero, m0, multiply_add(at_a, even_a, multiply(at_b, even_b))))
    store_whole(memory, target + step, multiply_add(odd_at_a, odd_a, multiply(odd_at_b, odd_b)))
    square = multiply_add(square_at_a, even_a, multiply_add(square_at_b, even_b, m5))
    store_whole(memory, target + 2 * step, square)
