"""`clothes FILE...`: print which garment each image shows."""

import argparse
import gc
import sys

from clothes import classify
from clothes.files import read


def main() -> int:
    """Print a line for each file: name, probability and, of several files, which. The exit code is 2 for an error."""
    parser = argparse.ArgumentParser(prog="clothes", description="Print which garment each image shows.")
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        help="a .npy file with a grey image (28, 28), or, with Pillow, a picture of any size",
    )
    files = parser.parse_args().files
    gc.disable()  # what a short process makes lives to its end: looking for garbage would be a third of its time
    try:
        for file in files:
            name, probability = classify(read(file))
            print(f"{name}  {probability:.4f}" + (f"  {file}" if len(files) > 1 else ""))
    except (ImportError, OSError, ValueError) as error:
        print(f"clothes: error: {error}", file=sys.stderr)
        return 2
    gc.freeze()  # so that it isn't looked for at exit either
    return 0


if __name__ == "__main__":
    sys.exit(main())
