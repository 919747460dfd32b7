"""What kernels use of the CPU, and where their machine code is kept: told without compiling any."""

from minidl.backends.compiled.codegen import cpu, kernel_cache


def about():
    """The vectors' name, their floats, the rows and columns of a tile; the cache's folder, files and bytes.

    Of the cache's folders the first that has kernels, or else the first.
    """
    found = {folder: list(folder.glob(f"*{kernel_cache.SUFFIX}")) for folder in kernel_cache.folders()}
    folder, files = next(((folder, files) for folder, files in found.items() if files), (None, []))
    lanes = cpu.REGISTER_BYTES // 4
    return {
        "vectors": cpu.VECTORS_NAME,
        "lanes": lanes,
        "tile": [cpu.TILE_ROWS, 2 * lanes],
        "cache": str(folder or next(iter(found), "memory alone")),
        "cached_kernels": len(files),
        "cache_bytes": sum(path.stat().st_size for path in files),
    }
