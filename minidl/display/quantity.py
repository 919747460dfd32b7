"""Counts, times and sizes as people read them: three digits and a unit."""

PREFIXES = ("", "k", "M", "G", "T", "P")
"""Of a thousand each."""


def count(number: float) -> str:
    """A whole number: all its digits below a million, so that sums can be checked, else 87.0 M, 4.12 G."""
    if abs(number) < 999_999.5:
        return f"{number:,.0f}"
    power = 1
    while abs(number) >= 999.5 * 1000**power and power < len(PREFIXES) - 1:
        power += 1
    return f"{three_digits(number / 1000**power)} {PREFIXES[power]}"


def seconds(time: float) -> str:
    """A time: 405 ms, 1.24 s, 0 s."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if time * factor >= 0.9995:
            return f"{three_digits(time * factor)} {unit}"
    return f"{three_digits(time * 1e9)} ns" if time else "0 s"


def clock(time: float) -> str:
    """A time as a clock shows it, in whole seconds: 59 s, 1:00, 1:00:00."""
    if time < 59.5:
        return f"{time:.0f} s"
    minutes, rest = divmod(round(time), 60)
    return f"{minutes}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def size(count: float) -> str:
    """Bytes of files and of what is sent, in units of 1000: 40 B, 951 kB, 3.40 MB."""
    power = 0
    while abs(count) >= 999.5 * 1000**power and power < len(PREFIXES) - 1:
        power += 1
    return f"{three_digits(count / 1000**power)} {PREFIXES[power]}B" if power else f"{count:.0f} B"


def memory(size: int) -> str:
    """Bytes of memory, in units of 1024: 40 B, 18.4 KiB, 1.2 MiB."""
    if size < 1024:
        return f"{size} B"
    value, unit = size / 1024, "KiB"
    for larger in ("MiB", "GiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:,.1f} {unit}"


def three_digits(value: float) -> str:
    """At least three digits: 1.24, 12.4, 124, 1,240."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 99.95 else f"{value:.1f}" if size >= 9.995 else f"{value:.2f}"
