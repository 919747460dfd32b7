"""Every operator forward and backward: plain loops, NumPy, Numba and PyTorch."""

from typing import Any

from benchmarks import crew as crews
from benchmarks import machine
from benchmarks.contest import Entry, Result, hold
from benchmarks.crew import Crew
from benchmarks.operator_cases import Case, large_cases, small_cases
from benchmarks.report import Bars, Report, Table, duration, share, times
from benchmarks.timing import Settings

REFERENCE, VECTORIZED, COMPILED = "minidl reference", "minidl vectorized", "minidl compiled"
PYTORCH, SGEMM = "PyTorch", "sgemm"
TOLERANCE = 1e-4
_RATIOS = ("vectorized/loops", "compiled/loops", "compiled/PyTorch")
_MINIDL = "benchmarks.contestants.with_minidl:operator"
_PYTORCH = "benchmarks.contestants.with_pytorch_operators:operator"
_NUMPY = "benchmarks.contestants.with_numpy:sgemm"
PYTORCH_OPERATORS = ("conv2d", "max_pool2d", "dense", "relu", "softmax", "log_softmax", "cross_entropy", "batch_norm2d")


def run(crew: Crew, settings: Settings) -> Report:
    """Small shapes with the loops as oracle and as measure, then large ones without them."""
    report = Report("operators", notes=crews.absences(["PyTorch"]))
    small = [case for case in small_cases() if case.quick or not settings.quick]
    first = Table(
        "Operators on small shapes: medians, and how many times faster than plain loops",
        ["operator", "shapes", "loops", "vectorized", "compiled", "PyTorch", *_RATIOS],
        labels=2,
    )
    bars = Bars("Time of an operator on small shapes", "seconds", {})
    for case in small:
        result = _hold(crew, case, (REFERENCE, VECTORIZED, COMPILED), settings)
        medians = [duration(result.median(name)) for name in (REFERENCE, VECTORIZED, COMPILED, PYTORCH)]
        ratios = [times(result.ratio(name, REFERENCE)) for name in (VECTORIZED, COMPILED)]
        first.rows.append([case.name, case.shapes, *medians, *ratios, times(result.ratio(COMPILED, PYTORCH))])
        report.records.append(result.record())
        bars.groups[f"{case.name}  {case.shapes}"] = {name: timing.median for name, timing in result.best.items()}
    report.tables.append(first)
    report.bars.append(bars)

    second = Table(
        "Operators on large shapes: medians, the rate beside NumPy's matrix product, and PyTorch",
        ["operator", "shapes", "vectorized", "compiled", "PyTorch", "GFLOP/s", "of sgemm", "compiled/PyTorch"],
        labels=2,
    )
    rates = Bars("Rate of the compiled convolutions", "GFLOP/s", {}, logarithmic=False)
    for case in large_cases(quick=settings.quick):
        result = _hold(crew, case, (VECTORIZED, COMPILED), settings, with_sgemm=bool(case.flops))
        medians = [duration(result.median(name)) for name in (VECTORIZED, COMPILED, PYTORCH)]
        rate, part = result.facts.get("GFLOP/s"), result.facts.get("share of sgemm")
        second.rows.append(
            [
                *(case.name, case.shapes, *medians),
                *("-" if rate is None else f"{rate:.0f}", share(part), times(result.ratio(COMPILED, PYTORCH))),
            ]
        )
        report.records.append(result.record())
        if rate is not None:
            rates.groups[f"{case.name}  {case.shapes}"] = _rates(result, case.flops)
    report.tables.append(second)
    report.bars.append(rates)
    return report


def _hold(
    crew: Crew, case: Case, contestants: tuple[str, ...], settings: Settings, *, with_sgemm: bool = False
) -> Result:
    common: dict[str, Any] = {"name": case.operator, "direction": case.direction, "arrays": case.arrays}
    entries = [
        Entry(name, _MINIDL, {**common, "backend": name.partition(" ")[2], "options": case.options})
        for name in contestants
    ]
    if not crews.missing("PyTorch") and case.operator in PYTORCH_OPERATORS:
        images = case.arrays["x"].ndim == 4
        for threads in machine.thread_counts():
            for channels_last in (False, True) if images else (False,):
                variant = f"{threads} thread{'s' * (threads > 1)}{', channels last' * channels_last}"
                options = {**common, "options": case.options, "threads": threads, "channels_last": channels_last}
                entries.append(Entry(PYTORCH, _PYTORCH, options, variant))
    if with_sgemm:
        entries.append(Entry(SGEMM, _NUMPY, {}))
    facts: dict[str, Any] = {"operator": case.operator, "direction": case.direction, "shapes": case.shapes}
    result = hold(crew, f"{case.name} {case.shapes}", entries, settings, tolerance=TOLERANCE, facts=facts)
    if with_sgemm:
        rates = _rates(result, case.flops)
        result.facts.update(
            {"flops": case.flops, "GFLOP/s": rates[COMPILED], "share of sgemm": rates[COMPILED] / rates[SGEMM]}
        )
    return result


def _rates(result: Result, flops: int) -> dict[str, float]:
    """GFLOP/s of each contestant; sgemm does work of its own."""
    work = {SGEMM: 2 * 1024**3}
    return {name: work.get(name, flops) / timing.median / 1e9 for name, timing in result.best.items()}
