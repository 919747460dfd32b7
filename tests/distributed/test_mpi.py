"""The communicator over MPI, in processes that mpiexec starts."""

import subprocess
import sys

import numpy as np
import pytest

import minidl as ml
from tests.distributed.mpiexec import in_ranks, needs_mpi

EXCHANGE = """
import numpy as np
import minidl as ml

own = ml.distributed.MPI(exact=False)
rank, ranks = own.rank, own.ranks
for dtype in (np.float32, np.float64, np.uint8, np.int64, np.float16, bool):
    gathered = np.zeros((ranks, 2, 3), dtype)
    own.gather(np.full((2, 3), rank, dtype), gathered)
    assert (gathered == np.arange(ranks).astype(dtype)[:, None, None]).all(), gathered
    received = np.zeros((ranks, 2), dtype)
    own.scatter((np.arange(ranks)[:, None] + [10 * rank, 10 * rank]).astype(dtype), received)
    assert (received == (10 * np.arange(ranks)[:, None] + rank).astype(dtype)).all(), received
    shared = np.full((2, 2), rank + 5, dtype)
    own.share_array(shared)
    assert (shared == np.array(5).astype(dtype)).all(), shared
nan = np.array([0x7FC00001 + rank, 0x80000000], np.uint32).view(np.float32)
gathered = np.zeros((ranks, 2), np.float32)
own.gather(nan, gathered)
assert gathered.view(np.uint32).tolist() == [[0x7FC00001 + each, 0x80000000] for each in range(ranks)]
own.gather(np.zeros((0, 3), np.float32), np.zeros((ranks, 0, 3), np.float32))
uneven = own.gather_uneven(np.full(rank * 2, rank, np.uint8), [each * 2 for each in range(ranks)])
assert uneven.tolist() == [each for each in range(ranks) for _ in range(each * 2)]
summed = np.full(3, rank, np.float32)
own.add_up(summed)
assert summed.tolist() == [sum(range(ranks))] * 3
assert own.share({"seed": rank}) == {"seed": 0}
names = own.gather_objects(own.name)
assert names[rank] == own.name and names[ranks - 1].startswith(f"rank {ranks - 1} of {ranks} ("), names
own.barrier()
if rank == 0:
    print("exchanged", ranks)
"""


@needs_mpi
@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_what_ranks_exchange(tmp_path, ranks):
    (tmp_path / "exchange.py").write_text(EXCHANGE)
    done = in_ranks(ranks, tmp_path / "exchange.py")
    assert (done.returncode, done.stdout.strip()) == (0, f"exchanged {ranks}"), done.stderr


@needs_mpi
def test_exact_results_take_a_power_of_two_of_ranks(tmp_path):
    (tmp_path / "three.py").write_text("import minidl as ml\nml.distributed.MPI()\n")
    done = in_ranks(3, tmp_path / "three.py")
    assert done.returncode != 0
    assert "ValueError: 3 ranks don't give the bits of one process: use 1, 2, 4 or 8, or" in done.stderr
    assert "MPI(exact=False)" in done.stderr


def test_without_mpi4py_the_error_says_what_to_install():
    program = "import sys\nsys.modules['mpi4py'] = None\nimport minidl as ml\nml.distributed.MPI()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert 'ImportError: training over MPI needs mpi4py and an MPI: pip install "minidl[mpi]"' in done.stderr


def test_mpi4py_is_loaded_when_a_communicator_is_made():
    program = (
        "import sys, minidl as ml\nml.distributed.MPI, ml.distributed.OneProcess()\nprint('mpi4py' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_one_process_has_what_it_gives():
    own = ml.distributed.OneProcess()
    assert (own.rank, own.ranks, own.exact) == (0, 1, True)
    assert own.name.startswith("rank 0 of 1 (")
    x, gathered, received = np.arange(6.0).reshape(2, 3), np.zeros((1, 2, 3)), np.zeros((1, 2, 3))
    own.gather(x, gathered)
    own.scatter(gathered, received)
    own.share_array(x)
    own.barrier()
    own.failed(ValueError("no"))
    assert received[0].tolist() == x.tolist()
    assert own.gather_uneven(np.arange(3, dtype=np.uint8), [3]).tolist() == [0, 1, 2]
    assert own.gather_objects(own.share(7)) == [7]
    with pytest.raises(SystemExit, match="enough"):
        own.abort("enough")


def test_arrays_that_do_not_fit_are_refused():
    own = ml.distributed.OneProcess()
    with pytest.raises(ValueError, match=r"expected gathered of shape \(1, 2\) in float64, got \(2,\) in float64"):
        own.gather(np.zeros(2), np.zeros(2))
    with pytest.raises(ValueError, match="expected local in C order, got strides"):
        own.gather(np.zeros((2, 3)).T, np.zeros((1, 3, 2)))
    with pytest.raises(ValueError, match="expected parts and received of 1 rows each, alike, got"):
        own.scatter(np.zeros((2, 3)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"expected local of shape \(3,\) in uint8, got \(2,\) in uint8"):
        own.gather_uneven(np.zeros(2, np.uint8), [3])
    with pytest.raises(ValueError, match="expected a count for each of 1 ranks, got 2"):
        own.gather_uneven(np.zeros(2, np.uint8), [2, 2])
