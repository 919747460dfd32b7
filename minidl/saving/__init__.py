"""Files: models as `.npz`, architectures as data, and writing that leaves the old file or the new one, whole."""
