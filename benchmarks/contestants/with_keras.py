"""Keras on TensorFlow: one tf.function for a whole step, with and without XLA, images (n, h, w, c)."""

import os
from typing import Any

import numpy as np

from benchmarks import channels_last
from benchmarks.contestants import CHECKED_RATE, CHECKED_STEPS, TIMED_RATE
from benchmarks.contestants.quiet import quiet_errors
from benchmarks.networks import Layer
from benchmarks.worker import Job

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
with quiet_errors():
    import keras
    import tensorflow as tf
tf.get_logger().setLevel("ERROR")  # it warns of a new function for each network, which is what is wanted


def make_model(layers: list[Layer]) -> Any:
    """The network of the description, with its parameters."""
    channels, height, width = layers[0]["input_shape"]
    model = keras.Sequential([keras.Input((height, width, channels))])
    for layer in channels_last.convert(layers):
        _add(model, layer)
    return model


def _add(model: Any, layer: Layer) -> None:
    kind = layer["kind"]
    if kind == "ReLU":
        model.add(keras.layers.ReLU())
    elif kind == "Softmax":
        model.add(keras.layers.Softmax())
    elif kind == "Flatten":
        model.add(keras.layers.Flatten())
    elif kind == "MaxPool2D" and layer["padding"] == (0, 0):
        model.add(keras.layers.MaxPool2D(layer["pool_size"], layer["stride"]))
    elif kind == "Conv2D":
        *size, _, filters = layer["weight"].shape
        padding = layer["padding"]
        keeps = layer["stride"] == (1, 1) and all(2 * p + 1 == k for p, k in zip(padding, size, strict=True))
        if not keeps and any(padding):
            model.add(keras.layers.ZeroPadding2D(padding))
        convolution = keras.layers.Conv2D(
            filters,
            tuple(size),
            layer["stride"],
            padding="same" if keeps else "valid",
            dilation_rate=layer["dilation"],
            groups=layer["groups"],
            use_bias=layer["bias"] is not None,
        )
        model.add(convolution)
        _set(convolution, layer, "weight", "bias")
    elif kind == "Dense":
        dense = keras.layers.Dense(layer["weight"].shape[1], use_bias=layer["bias"] is not None)
        model.add(dense)
        _set(dense, layer, "weight", "bias")
    elif kind == "BatchNorm2D":
        normalization = keras.layers.BatchNormalization(momentum=1 - layer["momentum"], epsilon=layer["eps"])
        model.add(normalization)
        _set(normalization, layer, "weight", "bias", "running_mean", "running_var")
    else:
        raise NotImplementedError(f"{kind} has no counterpart here")


def _set(module: Any, layer: Layer, *names: str) -> None:
    module.set_weights([layer[name] for name in names if layer[name] is not None])


def training(layers: list[Layer], images: Any, labels: Any, *, jit_compile: bool) -> Job:
    """A whole step: forward, cross-entropy, backward, Adam."""
    x = tf.constant(np.ascontiguousarray(images.transpose(0, 2, 3, 1)))
    y = tf.constant(labels)

    def make_step(rate: float) -> tuple[Any, Any]:
        model, optimizer = make_model(layers), keras.optimizers.Adam(rate, epsilon=1e-8)
        optimizer.build(model.trainable_variables)

        @tf.function(jit_compile=jit_compile)  # type: ignore[untyped-decorator]
        def differentiate(x: Any, y: Any) -> Any:
            with tf.GradientTape() as tape:
                scores = model(x, training=True)
                loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, scores))
            return loss, tape.gradient(loss, model.trainable_variables)

        @tf.function(jit_compile=jit_compile)  # type: ignore[untyped-decorator]
        def step(x: Any, y: Any) -> Any:
            loss, gradients = differentiate(x, y)
            optimizer.apply(gradients, model.trainable_variables)
            return loss

        return step, differentiate

    step, differentiate = make_step(CHECKED_RATE)
    gradients = [tf.convert_to_tensor(gradient).numpy() for gradient in differentiate(x, y)[1]]
    losses = [float(step(x, y)) for _ in range(CHECKED_STEPS)]
    step, _ = make_step(TIMED_RATE)
    return Job(lambda: step(x, y), {"losses": np.array(losses)} | channels_last.gradients_back(layers, gradients))
