"""One case of a suite: build it for every contestant, check that all compute the same, then time them in turns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.check import compare
from benchmarks.crew import Crew
from benchmarks.timing import Settings, Timing, interleave


@dataclass(frozen=True)
class Entry:
    """A contestant in one of its settings: the worker that it runs in, and the function that makes its Job."""

    contestant: str
    function: str
    options: dict[str, Any]
    variant: str = ""
    timed: bool = True
    """Whether it's a contestant, or only the oracle."""

    @property
    def key(self) -> str:
        """A name for this setting of this contestant."""
        return f"{self.contestant} ({self.variant})" if self.variant else self.contestant


@dataclass(frozen=True)
class Result:
    """One case: the timing of each contestant in its best setting, and of all settings that were tried."""

    case: str
    best: dict[str, Timing]
    variants: dict[str, str]
    everything: dict[str, Timing]
    facts: dict[str, Any] = field(default_factory=dict)

    def median(self, contestant: str) -> float | None:
        """Seconds, or None where the contestant didn't take part."""
        timing = self.best.get(contestant)
        return None if timing is None else timing.median

    def ratio(self, contestant: str, other: str) -> float | None:
        """How many times longer `other` takes: the ratio of the medians."""
        mine, theirs = self.median(contestant), self.median(other)
        return None if mine is None or theirs is None else theirs / mine

    def record(self) -> dict[str, Any]:
        """The case as plain data, in seconds."""
        return {
            "case": self.case,
            **self.facts,
            "contestants": {
                name: {"variant": self.variants[name], **_plain(timing)} for name, timing in self.best.items()
            },
            "settings tried": {name: _plain(timing) for name, timing in self.everything.items()},
        }


def _plain(timing: Timing) -> dict[str, Any]:
    lower, upper = timing.quartiles
    return {
        "median": timing.median,
        "lower quartile": lower,
        "upper quartile": upper,
        "samples": list(timing.samples),
        "calls in a sample": timing.loops,
    }


def hold(
    crew: Crew,
    case: str,
    entries: Sequence[Entry],
    settings: Settings,
    *,
    tolerance: float | Mapping[str, float],
    absolute: float = 0.0,
    facts: dict[str, Any] | None = None,
) -> Result:
    """Check every entry against the first one, the oracle, and time them. Raises CheckError where one differs."""
    oracle = entries[0]
    expected: dict[str, Any] = {}
    try:
        for entry in entries:
            outcome = crew.worker(entry.contestant).build(entry.key, entry.function, entry.options)
            if entry is oracle:
                expected = outcome
            compare(case, oracle.key, expected, entry.key, outcome, tolerance=tolerance, absolute=absolute)
        timings = interleave(
            {
                entry.key: lambda loops, entry=entry: crew.worker(entry.contestant).sample(  # type: ignore[misc]
                    entry.key, loops, settings.pause
                )
                for entry in entries
                if entry.timed
            },
            settings,
        )
    finally:
        for contestant in {entry.contestant for entry in entries}:
            crew.worker(contestant).forget()
    best: dict[str, Timing] = {}
    variants: dict[str, str] = {}
    for entry in entries:
        if not entry.timed:
            continue
        timing = timings[entry.key]
        if entry.contestant not in best or timing.median < best[entry.contestant].median:
            best[entry.contestant], variants[entry.contestant] = timing, entry.variant
    return Result(case, best, variants, timings, facts or {})
