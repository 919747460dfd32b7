"""Print the polynomials of minidl/backends/vectorized/gaussian.py, by Chebyshev interpolation; needs mpmath."""

import mpmath as mp
import numpy as np

mp.mp.dps = 50
SCALE = mp.mpf(5)


def scaled_mills(a):
    """(a + SCALE) times the standard normal tail beyond a, over exp(-a**2 / 2)."""
    return (a + SCALE) * mp.exp(a * a / 2) * mp.erfc(a / mp.sqrt(2)) / 2


def interpolated(degree, last):
    """The coefficients, from the constant on, of the polynomial in (a - SCALE) / (a + SCALE) for a from 0 to `last`."""
    low, high = mp.mpf(-1), (last - SCALE) / (last + SCALE)
    nodes = [mp.cos(mp.pi * (2 * j + 1) / (2 * degree + 2)) for j in range(degree + 1)]
    nodes = [(high + low) / 2 + (high - low) / 2 * node for node in nodes]
    powers = mp.matrix([[node**k for k in range(degree + 1)] for node in nodes])
    return list(mp.lu_solve(powers, mp.matrix([scaled_mills(SCALE * (1 + y) / (1 - y)) for y in nodes])))


if __name__ == "__main__":
    for name, degree, last in (("f", 10, 15), ("d", 22, 39)):
        coefficients = interpolated(degree, last)
        worst = 0
        for i in range(1000):
            a = mp.mpf(last) * i / 999
            value = mp.polyval(coefficients[::-1], (a - SCALE) / (a + SCALE))
            worst = max(worst, abs(value / scaled_mills(a) - 1))
        print(f'    "{name}": (  # off by {mp.nstr(worst, 2)} at most')
        for coefficient in coefficients:
            number = np.float32(str(coefficient)) if name == "f" else float(coefficient)
            print(f"        {number!s},")
        print("    ),")
