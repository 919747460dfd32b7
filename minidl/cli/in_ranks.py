"""A training of the command line in several processes: what becomes of an error in one of them."""

import contextlib
from collections.abc import Iterator

from minidl.cli.interrupt import StopAfterEpoch
from minidl.cli.messages import Stopped, printable, told
from minidl.distributed.mpi import MPI
from minidl.training.ranks import DisagreementError


class Told(MPI):
    """Ranks that tell in one line what the user can put right."""

    def failed(self, error: BaseException) -> None:
        """Print the error, in a line or as Python does, and end all ranks, unless there's but this one."""
        line = told(error)
        if self.ranks > 1 and line is not None:
            self.abort(printable(line))
        super().failed(error)


@contextlib.contextmanager
def together(threads: int | None, stop: StopAfterEpoch) -> Iterator[MPI]:
    """The ranks that mpiexec has started, which an error in one of them ends; signals are the first one's.

    Raises ImportError without MPI.
    """
    ranks = Told(threads=threads)
    stop.is_asked = ranks.rank == 0
    try:
        yield ranks
    except DisagreementError:  # which all of them raise
        raise
    except BaseException as error:
        if not (isinstance(error, Stopped) and error.args):  # after the training, where nobody waits for this one
            ranks.failed(error)
        raise
