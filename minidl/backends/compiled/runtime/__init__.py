"""How kernels run: their jobs as programs, the thread pool, memory, and programs that are replayed."""
