"""Workers of Dask as processes of their own, one of which is killed."""

import pytest

pytest.importorskip("dask.array", reason="needs the extra `dask`")
pytest.importorskip("distributed", reason="needs the extra `dask`")

LOST = """
import os, signal
import numpy as np
import dask.array as da
import minidl as ml
from distributed import Client, LocalCluster

class Doubled(ml.Module):  # a class that workers can't import
    def forward(self, x, *, train):
        return 2 * x, None

def block(block_info):
    place = block_info[None]["chunk-location"][0]
    if place == 20 and not os.path.exists(flag):
        open(flag, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return np.random.default_rng(place).random((25, 1, 8, 8), np.float32)

def state():
    from minidl.distributed import sent
    return ml.num_threads(), len(sent._models), os.getpid()

if __name__ == "__main__":
    layers = [ml.Conv2D(8, 3), ml.ReLU(), Doubled(), ml.Flatten(), ml.Dense(5)]
    model = ml.Sequential(layers, input_shape=(1, 8, 8), seed=0)
    x = da.map_blocks(block, chunks=((25,) * 40, (1,), (8,), (8,)), meta=np.empty((0, 0, 0, 0), np.float32))
    own = np.concatenate([np.random.default_rng(i).random((25, 1, 8, 8), np.float32) for i in range(40)])
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster, Client(cluster) as client:
        before = {pid for _, _, pid in client.run(state).values()}
        scores = client.compute(ml.distributed.predict(model, x)).result()
        client.wait_for_workers(2)
        after = client.run(state).values()
    assert os.path.exists(flag)
    print(len(before & {pid for _, _, pid in after}), {threads for threads, _, _ in after})
    print((scores == model.predict(own)).all(), scores.shape)
"""


@pytest.mark.compiled
def test_a_worker_that_is_killed_loses_nothing(run_python, tmp_path):
    done = run_python(f"flag = {str(tmp_path / 'flag')!r}\n{LOST}", covered=False)
    assert done.stdout.splitlines() == ["1 {1}", "True (1000, 5)"]
