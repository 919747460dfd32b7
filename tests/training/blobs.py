"""Two kinds of images that a small network learns to tell apart within seconds."""

import numpy as np

import minidl as ml


def blobs(n=60, seed=0):
    """Two kinds of 4 x 4 images, bright at the top or at the bottom."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(2, size=n)
    images = 0.3 * rng.random((n, 1, 4, 4), np.float32)
    images[labels == 0, :, :2] += 0.5
    images[labels == 1, :, 2:] += 0.5
    return images, labels


X, Y = blobs()


def network(seed=0, softmax=False, dropout=0.0, **options):
    layers = [ml.Conv2D(4, 3, padding=1), ml.ReLU(), ml.MaxPool2D(2), ml.Flatten(), ml.Dropout(dropout), ml.Dense(2)]
    return ml.Sequential(layers + [ml.Softmax()] * softmax, input_shape=(1, 4, 4), seed=seed, **options)


def fit(model, x=X, y=Y, **options):
    options = {"loss": ml.CrossEntropy(), "batch_size": 8, "seed": 0, "verbose": 0} | options
    options.setdefault("optimizer", ml.Adam(model.parameters(), lr=0.02))
    return ml.fit(model, x, y, **options)
