"""What the page asks of minidl: LeNet, trained a few batches at a time, so that its worker can listen in between.

It runs in Pyodide on the page, and just as well elsewhere.
"""

import io
import json
import time
from collections import deque

import numpy as np

import minidl as ml
from minidl.classify import probabilities_of

BATCH_SIZE = 32
RECENT = 20
"""Over how many batches loss and accuracy are averaged."""
TESTED = 1000
"""How many test pictures are looked at after each epoch: with all 5,000 the reader would wait."""
SHAPE = (1, 28, 28)


class Trainer:
    """A model, the pictures of the package, and how far the training is. Methods answer in JSON."""

    def __init__(self):
        self.train, self.test = ml.datasets.fashion_mnist_10k()
        self.begin()

    def begin(self):
        """Start over, with LeNet and its first weights."""
        return self._take(ml.models.lenet(seed=0), self.train.class_names)

    def open(self, file):
        """Take the model of an .npz file's bytes. Raises ValueError, and keeps the old one, if it doesn't fit."""
        model = ml.load(io.BytesIO(bytes(file)))
        if model.input_shape != SHAPE:
            raise ValueError(f"expected a model of pictures {SHAPE}, got one of {model.input_shape}")
        classes = probabilities_of(model, model.predict(np.zeros((1, *SHAPE), np.float32))).shape[1]
        told = model.preprocessing.class_names if model.preprocessing else ()
        return self._take(model, told if len(told) == classes else [f"class {k}" for k in range(classes)])

    def save(self):
        """The model as the bytes of the .npz file that `minidl.load` reads."""
        file = io.BytesIO()
        self.model.save(file)
        return file.getvalue()

    def advance(self, seconds):
        """Train on batches for about this long, or to the end of the epoch, after which the model is tested."""
        if self.batches is None:
            self._begin_epoch()
        tested, end = None, time.perf_counter() + seconds
        for images, labels in self.batches:
            metrics = [ml.Accuracy()]
            self.recent.append(
                self.model.train_on_batch(images, labels, loss=self.loss, optimizer=self.optimizer, metrics=metrics)
            )
            self.done += len(images)
            if time.perf_counter() >= end:
                break
        if self.done == len(self.train.images):
            self.batches, self.epochs, self.done = None, self.epochs + 1, 0
            tested = self._tested()
        means = {name: float(np.mean([logs[name] for logs in self.recent])) for name in ("loss", "accuracy")}
        epoch = self.epochs + self.done / len(self.train.images)
        return json.dumps({"epoch": epoch, **means, "test": tested, "names": self.names})

    def probabilities(self, pixels):
        """Those of each class for a picture of 28 x 28 bytes."""
        image = np.asarray(pixels, np.uint8).reshape(1, *SHAPE).astype(np.float32) / 255
        return json.dumps(probabilities_of(self.model, self.model.predict(image))[0].tolist())

    def picture(self, place):
        """A test picture, as bytes, and what it shows."""
        pixels = np.rint(255 * self.test.images[place]).astype(int).ravel().tolist()
        return json.dumps({"place": place, "pixels": pixels, "name": self.test.class_names[self.test.labels[place]]})

    def _take(self, model, names):
        self.model, self.names = model, tuple(names)
        self.loss, self.optimizer = ml.CrossEntropy(), ml.Adam(model.parameters(), lr=2e-3)
        self.epochs, self.done, self.batches, self.recent = 0, 0, None, deque(maxlen=RECENT)
        return json.dumps({"names": self.names})

    def _begin_epoch(self):
        if len(self.names) != len(self.train.class_names):
            raise ValueError(
                f"the pictures are of {len(self.train.class_names)} classes, the model's {len(self.names)}"
            )
        self.names = self.train.class_names  # whatever it knew before
        self.model.preprocessing = ml.datasets.Preprocessing(self.names, SHAPE[1:], grey=True)
        order = np.random.default_rng([0, self.epochs])
        self.batches = ml.batches(self.train.images, self.train.labels, batch_size=BATCH_SIZE, rng=order)

    def _tested(self):
        images, labels = self.test.images[:TESTED], self.test.labels[:TESTED]
        found = self.model.evaluate(images, labels, loss=self.loss, metrics=[ml.Accuracy()], verbose=0)
        return {name: float(found[name]) for name in ("loss", "accuracy")}
