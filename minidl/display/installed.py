"""Which other packages are there, told without importing them."""


def is_installed(name: str) -> bool:
    """Whether a module of this name can be imported."""
    from importlib.util import find_spec  # this module is loaded with minidl, that one when it's first asked

    try:
        return find_spec(name) is not None
    except ValueError:  # there is none, but somebody's None or stand-in, in sys.modules
        return False


def installed_version(package: str) -> str | None:
    """The version of a package, None if it isn't installed."""
    import importlib.metadata  # slow to import, for those who needn't know

    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
