"""What kernels use of the CPU, and where their machine code is kept: told without compiling any."""

import platform

from minidl.backends.compiled.codegen import kernel_cache, llvm
from minidl.backends.compiled.matmul import tile

VECTORS = {64: "AVX-512", 32: "AVX2"}


def about():
    """The vectors' name, their floats, the rows and columns of a tile; the cache's folder, files and bytes.

    Of the cache's folders the first that has kernels, or else the first.
    """
    on_arm = platform.machine().lower() in ("aarch64", "arm64")
    found = {folder: list(folder.glob(f"*{kernel_cache.SUFFIX}")) for folder in kernel_cache.folders()}
    folder, files = next(((folder, files) for folder, files in found.items() if files), (None, []))
    lanes = llvm.REGISTER_BYTES // 4
    return {
        "vectors": VECTORS.get(llvm.REGISTER_BYTES, "NEON" if on_arm else "128 bits"),
        "lanes": lanes,
        "tile": [tile.TILE_ROWS, 2 * lanes],
        "cache": str(folder or next(iter(found), "memory alone")),
        "cached_kernels": len(files),
        "cache_bytes": sum(path.stat().st_size for path in files),
    }
