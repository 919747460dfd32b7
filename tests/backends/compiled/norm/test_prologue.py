"""A normalization that only a depthwise convolution reads is done as that reads it."""

import numpy as np
import pytest

import minidl as ml

pytestmark = pytest.mark.compiled


def test_what_a_depthwise_convolution_reads_is_not_written(monkeypatch):
    from minidl.backends.compiled.norm.batch_forward import normalize
    from minidl.backends.compiled.runtime import program

    kernels = []
    made = program.Program.__init__

    def record(self, jobs, dtype):
        kernels.append([job.kernel for job in jobs])
        made(self, jobs, dtype)

    monkeypatch.setattr(program.Program, "__init__", record)
    depthwise = [ml.BatchNorm2D(), ml.ReLU(), ml.DepthwiseConv2D(3)]
    with ml.use_backend("compiled"):
        for layers, normalized in [(depthwise, 0), ([*depthwise, *depthwise[:2], ml.Conv2D(4, 1)], 1)]:
            kernels.clear()
            model = ml.Sequential(layers, input_shape=(4, 9, 9), seed=0)
            model.forward(np.ones((2, 4, 9, 9), np.float32), train=True)
            assert [kernel is normalize for kernel in kernels[0]].count(True) == normalized
