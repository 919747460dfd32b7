"""The standard normal distribution, which NumPy doesn't have, by a polynomial for Mills' ratio."""

import math

import numpy as np

from minidl.typing import Array

SCALE = 5.0

MILLS = {
    "f": (  # off by 4.4e-9 at most
        0.76919305,
        -0.66538244,
        0.49530545,
        -0.31353447,
        0.1650225,
        -0.069102325,
        0.02079228,
        -0.0030714422,
        -0.0008526516,
        0.0006607487,
        0.00010939088,
    ),
    "d": (  # off by 1.2e-17 at most
        0.769193049750063,
        -0.6653825028900567,
        0.4953056159699764,
        -0.31353315667130455,
        0.1650203661703847,
        -0.06911863870631016,
        0.020795066799883178,
        -0.0029933767705085422,
        -0.0007978693984660701,
        0.0005448990647731298,
        -5.937572800991586e-05,
        -4.97628142705858e-05,
        1.6681213742042063e-05,
        3.9809021578680414e-06,
        -2.76926709599743e-06,
        -3.366153681012471e-07,
        4.331410356862585e-07,
        4.2274993740065346e-08,
        -6.594221662477223e-08,
        -9.31356099432606e-09,
        7.66307180076004e-09,
        1.753048401408232e-09,
        -1.5877468827473365e-10,
    ),
}
"""Of (a + SCALE) Mills(a) as a polynomial in y = (a - SCALE) / (a + SCALE), for float32 up to a = 15, else up to 39.

Mills(a) = exp(a**2 / 2) erfc(a / sqrt(2)) / 2 is the tail of the distribution beyond a, over exp(-a**2 / 2). That y
makes one polynomial do for all a is from Shepherd and Laframboise, "Chebyshev approximation of (1 + 2 x) exp(x**2)
erfc(x) in 0 <= x < infinity", 1981; tests/golden/make_gaussian.py computes the coefficients.
"""


def gaussian(x: Array) -> tuple[Array, Array]:
    """(distribution, density) of the standard normal distribution, computed in float64, as x in dtype.

    The square of a number rounded to float32 is exact; the exponential of the difference is a second factor.
    """
    a = np.minimum(np.abs(x.astype(np.float64)), 39)
    rounded = a.astype(np.float32).astype(np.float64)
    e = np.exp(-0.5 * rounded * rounded) * np.exp(-0.5 * (a - rounded) * (a + rounded))
    y = (a - SCALE) / (a + SCALE)
    mills = np.full_like(y, MILLS["d"][-1])
    for coefficient in MILLS["d"][-2::-1]:
        mills *= y
        mills += coefficient
    tail = e * mills / (a + SCALE)
    distribution = np.where(x < 0, tail, 1 - tail)
    return distribution.astype(x.dtype), (e / math.sqrt(2 * math.pi)).astype(x.dtype)


ERF = [2 / math.sqrt(math.pi) * (-1) ** k / (math.factorial(k) * (2 * k + 1)) for k in range(20)]
"""The series of erf, for numbers up to 1: erf(x) = x times the polynomial of these in x**2."""


def erf(x: Array) -> Array:
    """2 / sqrt(pi) times the integral of exp(-t**2) from 0 to x, computed in float64."""
    wide = x.astype(np.float64)
    square = np.minimum(wide * wide, 1)
    inside = np.full_like(square, ERF[-1])
    for coefficient in ERF[-2::-1]:
        inside *= square
        inside += coefficient
    beyond = np.copysign(1 - 2 * gaussian(-math.sqrt(2) * np.abs(wide))[0], wide)
    return np.where(np.abs(wide) <= 1, wide * inside, beyond).astype(x.dtype)
