"""Medians of interleaved runs: contestants take turns, so that a noisy machine hits all of them alike."""

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Sampler = Callable[[int], float]
"""sampler(loops) -> the seconds that so many calls took."""


@dataclass(frozen=True)
class Settings:
    """How long and how often: the seconds that a sample takes at least, the samples of each contestant, the bounds."""

    rounds: int = 15
    sample_seconds: float = 0.01
    contestant_seconds: float = 4.0
    """A contestant that has used these up sits out, once it has `least_rounds` samples."""
    least_rounds: int = 3
    pause: float = 0.15
    """Seconds before each sample: thread pools spin on after their last work, OpenBLAS's for a tenth of a second."""
    quick: bool = False
    networks: tuple[str, ...] = ()
    """Those that training, inference and memory measure; their own, or with `quick` one, where none is named."""
    batches: tuple[int, ...] = ()
    """Instead of each network's own."""
    contestants: tuple[str, ...] = ()
    """The peers that take part, where they are installed; all, where none is named."""
    models: str = ""
    """The folder of the files that onnx_files measures."""

    def takes(self, contestant: str) -> bool:
        """Whether a peer takes part."""
        return not self.contestants or contestant in self.contestants


QUICK = Settings(rounds=3, sample_seconds=0.002, contestant_seconds=0.5, least_rounds=1, pause=0.005, quick=True)


@dataclass(frozen=True)
class Timing:
    """What one contestant needed for one call, in seconds: a value for each round that it took part in."""

    samples: tuple[float, ...]
    loops: int

    @property
    def median(self) -> float:
        """The middle sample, or the mean of the two in the middle."""
        return statistics.median(self.samples)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The samples that a quarter and three quarters of all lie below, interpolated."""
        if len(self.samples) == 1:
            return self.samples[0], self.samples[0]
        lower, _, upper = statistics.quantiles(self.samples, n=4, method="inclusive")
        return lower, upper


def measure(
    run: Callable[[], object], loops: int, *, pause: float = 0.0, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Seconds for `loops` calls, after a pause and a quarter as many calls, untimed, to warm up caches and threads."""
    if pause:
        time.sleep(pause)
    for _ in range(1 + loops // 4):
        run()
    start = clock()
    for _ in range(loops):
        run()
    return clock() - start


def calibrate(sample: Sampler, sample_seconds: float) -> int:
    """The number of calls that takes at least `sample_seconds`, found by trying."""
    loops = 1
    while (seconds := sample(loops)) < sample_seconds:
        needed = loops * sample_seconds / seconds if seconds > 0 else math.inf
        loops = math.ceil(min(1.2 * needed, 10 * loops))
    return loops


def interleave(samplers: Mapping[str, Sampler], settings: Settings) -> dict[str, Timing]:
    """Time the contestants in turns: each round, every one of them gives a sample, and another one begins."""
    loops, used = {}, dict.fromkeys(samplers, 0.0)
    samples: dict[str, list[float]] = {name: [] for name in samplers}
    for name, sample in samplers.items():
        # Where one call is a sample, trying would only be a warm-up, and a short run has no time for it.
        is_known = settings.quick and settings.sample_seconds == 0
        loops[name] = 1 if is_known else calibrate(sample, settings.sample_seconds)
    names = list(samplers)
    for turn in range(settings.rounds):
        first = turn % len(names) if names else 0
        for name in names[first:] + names[:first]:
            if used[name] >= settings.contestant_seconds and len(samples[name]) >= settings.least_rounds:
                continue
            seconds = samplers[name](loops[name])
            used[name] += seconds
            samples[name].append(seconds / loops[name])
    return {name: Timing(tuple(values), loops[name]) for name, values in samples.items()}
