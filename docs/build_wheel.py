"""minidl's wheel, which the page "In the browser" unpacks: built anew by each build of the documentation.

python docs/build_wheel.py minidl.whl
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class WheelError(RuntimeError):
    """The wheel can't be built; says why."""


def build(target: Path, project: Path = ROOT) -> None:
    """Write a project's wheel to `target`; raises WheelError with pip's own words."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, str(project)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise WheelError(f"{project}: pip can't build its wheel: {done.stderr.strip()}")
        (wheel,) = Path(folder).glob("*.whl")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(wheel, target)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", type=Path, help="where to write it")
    try:
        build(parser.parse_args().target)
    except WheelError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
