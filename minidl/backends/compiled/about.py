"""What kernels use of the CPU, and where their machine code is kept: told without compiling any."""

import platform

from minidl.backends.compiled import jit, llvm, tile

VECTORS = {64: "AVX-512", 32: "AVX2"}


def about():
    """The vectors' name, their floats, the rows and columns of a tile; the cache's folder, files and bytes."""
    on_arm = platform.machine().lower() in ("aarch64", "arm64")
    folder = jit.cache_folder()
    files = list(folder.glob("*.nb[ic]"))
    lanes = llvm.REGISTER_BYTES // 4
    return {
        "vectors": VECTORS.get(llvm.REGISTER_BYTES, "NEON" if on_arm else "128 bits"),
        "lanes": lanes,
        "tile": [tile.TILE_ROWS, 2 * lanes],
        "cache": str(folder),
        "cached_kernels": sum(path.suffix == ".nbi" for path in files),
        "cache_bytes": sum(path.stat().st_size for path in files),
    }
