"""Write mathematics.npz: functions of float64 numbers, each as the sum of two; needs mpmath."""

from pathlib import Path

import mpmath as mp
import numpy as np

mp.mp.dps = 50
FUNCTIONS = {
    "exp": mp.exp,
    "expm1": mp.expm1,
    "log1p": mp.log1p,
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "tanh": mp.tanh,
    "softplus": lambda x: mp.log1p(mp.exp(x)),
    "log_sigmoid": lambda x: -mp.log1p(mp.exp(-x)),
    "normal_distribution": mp.ncdf,
    "log": mp.log,
    "erf": mp.erf,
}


def inputs(name, rng):
    """Numbers over all of the range where a function is neither zero nor infinite, and more where it bends."""
    last = {"log1p": 1, "normal_distribution": 37.5, "erf": 6}.get(name, 708)
    small = rng.choice([-1, 1], 40) * 10.0 ** rng.uniform(-300, 0, 40)
    x = np.concatenate([rng.uniform(-last, last, 60), rng.uniform(-1, 1, 60), rng.uniform(-8, 8, 60), small])
    if name == "log":
        return np.concatenate([np.abs(x), 1 + small[np.abs(small) < 1], np.abs(10 ** (x / 3))])
    return np.abs(x)[np.abs(x) <= 1] if name == "log1p" else x[np.abs(x) <= last]


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    arrays = {"versions": np.array(f"mpmath {mp.__version__}")}
    for name, function in FUNCTIONS.items():
        x = inputs(name, rng)
        values = [function(mp.mpf(float(number))) for number in x]
        high = np.array([float(value) for value in values])
        low = np.array([float(value - mp.mpf(float(value))) for value in values])
        arrays |= {f"{name}.x": x, f"{name}.high": high, f"{name}.low": low}
    np.savez_compressed(Path(__file__).with_name("mathematics.npz"), **arrays)
