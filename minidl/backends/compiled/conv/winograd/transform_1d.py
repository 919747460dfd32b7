"""Winograd's transforms in one dimension, F(4, 3): a few sums of vectors, whose lanes are channels.

Four outputs of a filter with three taps are a product of polynomials, taken at six points: 0, a, -a, b, -b, infinity
(Winograd, Arithmetic Complexity of Computations, 1980; Lavin and Gray, Fast Algorithms for Convolutional Neural
Networks, 2015). With pairs of points, even and odd parts are shared. a = 5/8 and b = 3/2 lose a quarter of the digits
that 1 and 2 do, since their powers stay near one (Barabasz et al., Error Analysis and Improving the Accuracy of
Winograd Convolution for Deep Neural Networks, 2018), and those of their powers that are used are exact in binary.

Each function takes and gives vectors whose code is being written. Those that give six points are parted by PAIRS, so
that two transforms one after the other keep no more than two rows of them in registers.
"""

from minidl.backends.compiled.codegen.vector import multiply_add

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

ENDS = (0, 5)
"""Zero and infinity."""

PAIRS = ENDS, (1, 2), (3, 4)
"""Points that have their parts in common."""


def input_1d(pair, x):
    """Six inputs to two of the points: the coefficients of the interpolation, transposed. x(k) gives the k-th one."""
    if pair == ENDS:
        return tuple(multiply_add(A2 * B2, x(k), multiply_add(-A2 - B2, x(k + 2), x(k + 4))) for k in (0, 1))
    point, other2 = (A, B2) if pair == PAIRS[1] else (B, A2)
    even, odd = multiply_add(-other2, x(2), x(4)), multiply_add(-other2, x(1), x(3))
    return multiply_add(point, odd, even), multiply_add(-point, odd, even)


def output_1d(m):
    """Six points to four outputs: the powers of the points, up to the third."""
    m0, m1, m2, m3, m4, m5 = m
    even_a, odd_a, even_b, odd_b = m1 + m2, m1 - m2, m3 + m4, m3 - m4
    return (
        m0 + even_a + even_b,
        multiply_add(A, odd_a, B * odd_b),
        multiply_add(A2, even_a, B2 * even_b),
        multiply_add(A * A2, odd_a, multiply_add(B * B2, odd_b, m5)),
    )


def output_grad_1d(pair, x):
    """Gradients of four outputs to two of the points: `output_1d`, transposed. x(k) gives the k-th one."""
    if pair == ENDS:
        return x(0), x(3)
    point = A if pair == PAIRS[1] else B
    even, odd = multiply_add(point * point, x(2), x(0)), multiply_add(point * point, x(3), x(1))
    return multiply_add(point, odd, even), multiply_add(-point, odd, even)


def filter_1d(pair, g):
    """Three taps of filters to two of the points: values there over distances from the other points."""
    if pair == ENDS:
        return AT_ZERO * g(0), g(2)
    point, over = (A, AT_A) if pair == PAIRS[1] else (B, AT_B)
    even, odd = over * multiply_add(point * point, g(2), g(0)), point * over * g(1)
    return even + odd, even - odd


def filter_grad_1d(m):
    """Gradients at six points to those of three taps: `filter_1d`, transposed."""
    m0, m1, m2, m3, m4, m5 = m
    even_a, odd_a, even_b, odd_b = m1 + m2, m1 - m2, m3 + m4, m3 - m4
    return (
        multiply_add(AT_ZERO, m0, multiply_add(AT_A, even_a, AT_B * even_b)),
        multiply_add(A * AT_A, odd_a, B * AT_B * odd_b),
        multiply_add(A2 * AT_A, even_a, multiply_add(B2 * AT_B, even_b, m5)),
    )
