"""How much memory a process has and had, in bytes."""

import sys
from pathlib import Path


def now() -> int:
    """What is resident now. Raises OSError where the system doesn't tell (it's Linux that does)."""
    return _status("VmRSS")


def peak() -> int:
    """The most that was resident since the process began."""
    try:
        return _status("VmHWM")  # ru_maxrss would start with what the parent had when it forked
    except OSError:
        import resource  # not on Windows

        largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return largest if sys.platform == "darwin" else largest * 1024


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {field}")
