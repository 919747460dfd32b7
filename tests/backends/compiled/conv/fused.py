"""Convolution, ReLU and max-pooling in one pass, alone: as a network has them prepared."""

from minidl.description.operators import MaxPool, ReLU


def conv2d_relu(x, w, b, *, geometry, pool):
    """(y, argmax)."""
    from minidl.backends.compiled.conv import select
    from minidl.backends.compiled.conv.epilogue import Epilogue
    from minidl.backends.compiled.runtime import program

    plan, pool = select.plan_of(x, w, *geometry), pool and MaxPool(*pool)
    y, argmax, jobs = select.prepare(x, w, plan, Epilogue(b, activation=ReLU(), pool=pool))
    program.run(x.dtype, *jobs)
    return y, argmax


def conv2d_relu_backward(dy, x, w, y, argmax, *, geometry, pool, need_dx=True):
    """(dx, dw, db)."""
    from minidl.backends.compiled.conv import select
    from minidl.backends.compiled.conv.output_grad import OutputGrad
    from minidl.backends.compiled.runtime import program

    plan, pool = select.plan_of(x, w, *geometry), pool and MaxPool(*pool)
    grad = OutputGrad(dy, y, argmax, pool)
    parts = select.prepare_backward(grad, x, w, plan, need_dx=need_dx, need_dw=True)
    gradients, jobs = select.summed_gradients(parts, w)
    program.run(x.dtype, *jobs)
    return gradients
