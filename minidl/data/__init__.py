"""From arrays to batches: batches and their order, splits, one-hot rows, weights of classes."""

from minidl.data.batches import batches
from minidl.data.labels import class_weights, one_hot
from minidl.data.split import train_test_split

__all__ = ["batches", "class_weights", "one_hot", "train_test_split"]
