"""Keras on TensorFlow: one tf.function for a whole step, with and without XLA, images (n, h, w, c)."""

import os
from typing import Any

import numpy as np

from benchmarks import channels_last
from benchmarks.contestants import CHECKED_STEPS, TIMED_RATE, checked_rate
from benchmarks.contestants.quiet import quiet_errors
from benchmarks.graph import IMAGES, Layer, size_of
from benchmarks.worker import Job

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
with quiet_errors():
    import keras
    import tensorflow as tf
tf.get_logger().setLevel("ERROR")  # it warns of a new function for each network, which is what is wanted


def make_model(layers: list[Layer]) -> tuple[Any, list[Any]]:
    """(model, its trained variables): the network of the description, with its parameters, in their order."""
    channels, height, width = layers[0]["input_shape"]
    values = {IMAGES: keras.Input((height, width, channels))}
    trained: list[Any] = []
    for i, layer in enumerate(channels_last.convert(layers)):
        values[i], module = _apply(layer, [values[source] for source in layer["inputs"]])
        trained += module.trainable_variables
    return keras.Model(values[IMAGES], values[len(layers) - 1]), trained


def _apply(layer: Layer, inputs: list[Any]) -> tuple[Any, Any]:
    """(what a layer gives for these tensors, Keras's layer)."""
    kind, x = layer["kind"], inputs[0]
    if kind in _PLAIN:
        module = getattr(keras.layers, _PLAIN[kind])()
        return module(inputs if len(inputs) > 1 else x), module
    if kind == "MaxPool":
        if any(layer["padding"]):  # as ReLU's outputs are at least 0, zeros never win
            x = keras.layers.ZeroPadding2D(layer["padding"])(x)
        module = keras.layers.MaxPool2D(layer["pool_size"], layer["stride"])
        return module(x), module
    if kind == "Conv":
        return _convolution(layer, x)
    if kind == "ConvTranspose":
        *size, filters, _ = layer["weight"].shape
        module = keras.layers.Conv2DTranspose(filters, tuple(size), layer["stride"], use_bias=layer["bias"] is not None)
    elif kind == "Dense":
        module = keras.layers.Dense(layer["weight"].shape[1], use_bias=layer["bias"] is not None)
    elif kind == "BatchNorm":
        module = keras.layers.BatchNormalization(momentum=1 - layer["momentum"], epsilon=layer["eps"])
        return _with_parameters(module, layer, x, "weight", "bias", "running_mean", "running_var")
    else:
        raise NotImplementedError(f"{kind} has no counterpart here")
    return _with_parameters(module, layer, x, "weight", "bias")


_PLAIN = {
    "ReLU": "ReLU",
    "Softmax": "Softmax",
    "Flatten": "Flatten",
    "GlobalAveragePool": "GlobalAveragePooling2D",
    "Add": "Add",
    "Concat": "Concatenate",
}


def _convolution(layer: Layer, x: Any) -> tuple[Any, Any]:
    *size, channels, filters = layer["weight"].shape
    padding = layer["padding"]
    keeps = layer["stride"] == (1, 1) and all(2 * p + 1 == k for p, k in zip(padding, size, strict=True))
    if not keeps and any(padding):
        x = keras.layers.ZeroPadding2D(padding)(x)
    how = {
        "strides": layer["stride"],
        "padding": "same" if keeps else "valid",
        "dilation_rate": layer["dilation"],
        "use_bias": layer["bias"] is not None,
    }
    if channels == 1 and layer["groups"] == filters > 1:  # grouped ones have no gradient on the CPU
        depthwise = keras.layers.DepthwiseConv2D(tuple(size), **how)
        filters_by_channel = {"weight": layer["weight"].swapaxes(2, 3)}
        return _with_parameters(depthwise, layer | filters_by_channel, x, "weight", "bias")
    module = keras.layers.Conv2D(filters, tuple(size), groups=layer["groups"], **how)
    return _with_parameters(module, layer, x, "weight", "bias")


def _with_parameters(module: Any, layer: Layer, x: Any, *names: str) -> tuple[Any, Any]:
    y = module(x)
    module.set_weights([layer[name] for name in names if layer[name] is not None])
    return y, module


def training(layers: list[Layer], images: Any, labels: Any, *, jit_compile: bool) -> Job:
    """A whole step: forward, cross-entropy, backward, Adam."""
    x = tf.constant(np.ascontiguousarray(images.transpose(0, 2, 3, 1)))
    y = tf.constant(labels)

    def make_step(rate: float) -> tuple[Any, Any]:
        (model, variables), optimizer = make_model(layers), keras.optimizers.Adam(rate, epsilon=1e-8)
        optimizer.build(variables)

        @tf.function(jit_compile=jit_compile)  # type: ignore[untyped-decorator]
        def differentiate(x: Any, y: Any) -> Any:
            with tf.GradientTape() as tape:
                scores = model(x, training=True)
                loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, scores))
            return loss, tape.gradient(loss, variables)

        @tf.function(jit_compile=jit_compile)  # type: ignore[untyped-decorator]
        def step(x: Any, y: Any) -> Any:
            loss, gradients = differentiate(x, y)
            optimizer.apply(gradients, variables)
            return loss

        return step, differentiate

    step, differentiate = make_step(checked_rate(size_of(layers)))
    gradients = [tf.convert_to_tensor(gradient).numpy() for gradient in differentiate(x, y)[1]]
    losses = [float(step(x, y)) for _ in range(CHECKED_STEPS)]
    step, _ = make_step(TIMED_RATE)
    return Job(lambda: step(x, y), {"losses": np.array(losses)} | channels_last.gradients_back(layers, gradients))
