"""Kernels read and write through addresses, which no index check sees: so their arrays end where memory ends."""

import pytest

PROGRAM = """
import ctypes, mmap
import numpy as np
from minidl.backends import compiled, updates
from minidl.backends.compiled.norm import batch
from minidl.backends.compiled.runtime.program import run
from tests.backends.compiled.conv import fused
from minidl.description.operators import MaxPool
from tests.backends.windows import of_conv, of_pool

PAGE = mmap.PAGESIZE
mprotect = ctypes.CDLL(None, use_errno=True).mprotect
mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
kept = []


def fenced(array):
    '''A copy that ends at a page that can't be touched: a read beyond it ends the process.'''
    size = -(-max(array.nbytes, 1) // PAGE) * PAGE
    area = mmap.mmap(-1, size + PAGE)
    kept.append(area)
    start = ctypes.addressof(ctypes.c_char.from_buffer(area))
    assert mprotect(start + size, PAGE, 0) == 0
    copy = np.frombuffer(area, array.dtype, array.size, size - array.nbytes).reshape(array.shape)
    copy[...] = array
    return copy


def images(block):
    return fenced(block).transpose(0, 3, 1, 2)


rng = np.random.default_rng(0)
for dtype in (np.float32, np.float64):
    draw = lambda *shape: rng.standard_normal(shape).astype(dtype)
    cases = [(1, 6, 5, 1, 0, 1), (1, 1, 6, 1, 1, 1), (1, 8, 2, 2, 3, 1), (1, 7, 3, 3, 0, 1)]
    cases += [(3, 5, 3, 2, 1, 1), (20, 33, 3, 1, 1, 1), (12, 12, 3, 2, 2, 4), (19, 19, 3, 1, 1, 19)]
    cases += [(49, 16, 3, 1, 2, 1), (33, 13, 3, 1, 1, 1), (13, 33, 3, 1, 1, 1)]
    for c, o, k, stride, pad, groups in cases:
        how = dict(stride=(stride, stride), padding=((pad, pad), (pad, pad)), dilation=(1, 1), groups=groups)
        x, w, b = images(draw(3, 9, 8, c)), fenced(draw(o, c // groups, k, k)), fenced(draw(o))
        y = compiled.conv2d(x, w, b, **of_conv(how))
        dy = images(draw(*y.transpose(0, 2, 3, 1).shape))
        for need_dx in (True, False):
            compiled.conv2d_backward(dy, x, w, **of_conv(how), need_dx=need_dx)
        pool = ((2, 2), (2, 2), ((0, 0), (0, 0)))
        y, argmax = fused.conv2d_relu(x, w, b, **of_conv(how), pool=pool)
        dy = images(draw(*y.transpose(0, 2, 3, 1).shape))
        for need_dx in (True, False):
            fused.conv2d_relu_backward(dy, x, w, y, argmax, **of_conv(how), pool=pool, need_dx=need_dx)
    for c in (1, 7, 16, 19):
        x, gamma, beta = images(draw(2, 7, 5, c)), fenced(draw(c)), fenced(draw(c))
        pool = dict(pool_size=(3, 2), stride=(2, 1), padding=((1, 1), (0, 0)))
        y, argmax = compiled.max_pool2d(x, **of_pool(pool))
        compiled.max_pool2d_backward(images(draw(*y.transpose(0, 2, 3, 1).shape)), argmax, size=(7, 5), **of_pool(pool))
        y, mean, variance = compiled.batch_norm2d(x, gamma, beta, eps=1e-5)
        compiled.batch_norm2d_backward(images(draw(2, 7, 5, c)), x, gamma, fenced(mean), fenced(variance), eps=1e-5)
        compiled.elementwise_backward("relu", x, compiled.elementwise("relu", x, ()), ())
        compiled.elementwise_backward("gelu", x, compiled.elementwise("gelu", x, ()), ())
        y = compiled.elementwise("softplus", x, (1.0, 20.0))
        compiled.elementwise_backward("softplus", images(draw(2, 7, 5, c)), y, (1.0, 20.0))
        compiled.dropout(x, rate=0.5, key=1, counter=1)
        compiled.dropout(fenced(draw(3, c)), rate=0.5, key=1, counter=1)
        max_2x2 = MaxPool((2, 2), (2, 2), ((0, 0), (0, 0)))
        y, argmax = compiled.max_pool2d(x, pool=max_2x2)
        dy = images(draw(*y.transpose(0, 2, 3, 1).shape))
        compiled.max_pool2d_backward(dy, argmax, size=(7, 5), pool=max_2x2)
        dilated = MaxPool((2, 3), (2, 1), ((1, 2), (0, 3)), (3, 2))
        y, argmax = compiled.max_pool2d(x, pool=dilated)
        compiled.max_pool2d_backward(images(draw(*y.transpose(0, 2, 3, 1).shape)), argmax, size=(7, 5), pool=dilated)
        for pooling in (None, max_2x2, MaxPool((3, 2), (2, 1), ((1, 1), (0, 0)))):
            running = (fenced(draw(c)), fenced(draw(c)), 0.1)
            saved, jobs = batch.prepare_batch_norm(x, gamma, beta, eps=1e-5, relu=True, pool=pooling, running=running)
            run(x.dtype, *jobs)
            dy = images(draw(*saved.y.transpose(0, 2, 3, 1).shape))
            run(x.dtype, *batch.prepare_batch_norm_backward(dy, x, saved, eps=1e-5, relu=True, pool=pooling)[1])
    for c in (1, 7, 16, 19):
        x, factors, sides = images(draw(2, 4, 3, c)), (3, 2), ((1, 0), (2, 1))
        for interpolation in ("nearest", "bilinear"):
            how = dict(factors=factors, interpolation=interpolation)
            y = compiled.upsample2d(x, **how)
            compiled.upsample2d_backward(images(y.transpose(0, 2, 3, 1)), **how)
        y = compiled.zero_pad2d(x, padding=sides)
        compiled.zero_pad2d_backward(images(y.transpose(0, 2, 3, 1)), padding=sides)
        how = dict(stride=(2, 1), padding=((1, 1), (0, 0)), dilation=(1, 2), groups=1)
        w, b = fenced(draw(c, 5, 3, 2)), fenced(draw(5))
        y = compiled.conv_transpose2d(x, w, b, **of_conv(how), size=(7, 5))
        compiled.conv_transpose2d_backward(images(y.transpose(0, 2, 3, 1)), x, w, **of_conv(how))
    for features in (1, 7, 16, 19):
        places = fenced(rng.integers(0, 5, (3, 4)))
        compiled.embedding_backward(fenced(draw(3, 4, features)), places, rows=5)
    for n, features, units in [(1, 1, 1), (5, 33, 17), (13, 40, 10)]:
        x, w, b = fenced(draw(n, features)), fenced(draw(units, features)), fenced(draw(units))
        compiled.dense_backward(fenced(compiled.dense(x, w, b)), x, w)
        scores = fenced(draw(n, units))
        compiled.softmax_backward(scores, fenced(compiled.softmax(scores)))
        compiled.log_softmax_backward(scores, fenced(compiled.log_softmax(scores)))
        compiled.cross_entropy(scores, fenced(compiled.softmax(scores)))
    for size in (1, 15, 16, 17, 100):
        vectors = [fenced(abs(draw(size))) for _ in range(5)]
        compiled.sgd_step(*vectors[:3], updates.SGDStep(0.1, 0.9, True, 0.1, 0.5))
        compiled.adam_step(*vectors, updates.AdamStep(0.9, 0.99, 1e-8, 0.1, 1.0, 0.1, 0.9))
        compiled.rmsprop_step(*vectors, updates.RMSPropStep(0.1, 0.9, 1e-8, 0.9, 0.1))
        compiled.adagrad_step(*vectors[:3], updates.AdagradStep(0.1, 1e-10, 0.1))
        compiled.lion_step(*vectors[:3], updates.LionStep(0.1, 0.9, 0.99, 0.9))
print("inside")
"""


@pytest.mark.compiled
@pytest.mark.skipif("sys.platform == 'win32'", reason="needs mprotect")
def test_kernels_stay_inside_their_arrays(run_python):
    assert run_python(PROGRAM).stdout == "inside\n"
