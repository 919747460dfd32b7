"""How much of the machine's peak a network takes: its multiplications by time, beside fused multiply-adds and sgemm."""

import importlib.util
from dataclasses import replace
from typing import Any

from benchmarks import machine
from benchmarks.crew import Crew
from benchmarks.report import share
from benchmarks.timing import Settings, interleave

_PEAK = "benchmarks.contestants.fma_peak:chains"
_SGEMM = "benchmarks.contestants.with_numpy:sgemm"
SGEMM_FLOPS = 2 * 1024**3


def rates(crew: Crew, settings: Settings) -> dict[str, float]:
    """{"FMA peak", "sgemm"} of all cores, in operations by second; the peak where llvmlite is there to measure it."""
    worker, work = crew.worker("roofline"), {"sgemm": SGEMM_FLOPS}
    worker.build("sgemm", _SGEMM, {})
    if importlib.util.find_spec("llvmlite") is not None:
        work["FMA peak"] = worker.build("FMA peak", _PEAK, {"threads": machine.cores()})["flops"]
    # Long samples in a short run too: the system takes milliseconds to give each thread a core of its own.
    patient = replace(settings, rounds=5, sample_seconds=0.05, contestant_seconds=4.0, pause=min(settings.pause, 0.05))
    timings = interleave(
        {
            name: lambda loops, name=name: worker.sample(name, loops, patient.pause)  # type: ignore[misc]
            for name in work
        },
        patient,
    )
    worker.forget()
    # The fastest sample, as a bound is one that nothing exceeds.
    return {name: flops / min(timings[name].samples) for name, flops in work.items()}


def facts(flops: int, seconds: float, found: dict[str, float]) -> dict[str, Any]:
    """What goes into a case's record: operations, the rate, and its share of each bound."""
    rate = flops / seconds
    return {
        "flops": flops,
        "GFLOP/s": rate / 1e9,
        **{f"share of {name}": rate / bound for name, bound in found.items()},
    }


def note(found: dict[str, float]) -> str:
    """The bounds in a sentence."""
    text = "; ".join(f"{name} {rate / 1e9:.0f} GFLOP/s" for name, rate in found.items())
    if "FMA peak" in found:
        text += f" ({share(found['sgemm'] / found['FMA peak'])} of the peak)"
    return f"{text}. Operations are counted as direct convolutions need them; Winograd's tiles need fewer"
