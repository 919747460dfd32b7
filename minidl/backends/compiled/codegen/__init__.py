"""How kernels are written and compiled: vectors, loads and stores, elementary functions, the cache of machine code."""
