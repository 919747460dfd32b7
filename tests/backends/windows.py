"""The keywords of tests as the backends take them: where windows lie is one argument."""

from minidl.description.operators import AveragePool, ConvGeometry, MaxPool


def of_conv(how):
    """Keywords of a convolution, with its geometry in one."""
    return _joined("geometry", ConvGeometry, how)


def of_pool(how):
    """Keywords of a pooling, with its windows in one."""
    return _joined("pool", AveragePool if "count_include_pad" in how else MaxPool, how)


def _joined(name, record, how):
    rest = {key: value for key, value in how.items() if key not in record._fields}
    return {name: record(**{field: how[field] for field in record._fields if field in how}), **rest}
