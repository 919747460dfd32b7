"""What the ready models reach on real images: a fall in accuracy that no unit test sees."""

import os

import pytest

import minidl as ml
from benchmarks import recipes
from minidl.process import threads

pytestmark = [pytest.mark.slow, pytest.mark.untraced]
seeds = pytest.mark.parametrize("seed", [0, 1, 2])


@pytest.fixture(autouse=True)
def a_thread_for_a_worker(monkeypatch):
    """Beside other tests, two threads on one processor take a third more time, for the same bits."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        monkeypatch.setattr(threads, "_threads", 1)


def accuracy(model, train, test, *, seed, lr, epochs, batch_size):
    """The share of test images that the model has right after training."""
    model.fit(
        train.images,
        train.labels,
        loss=ml.CrossEntropy(),
        optimizer=ml.Adam(model.parameters(), lr=lr),
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        verbose=2,
    )
    return model.evaluate(test.images, test.labels, loss=ml.CrossEntropy(), metrics=[ml.Accuracy()])["accuracy"]


@seeds
def test_tutorial_on_ten_thousand_images(seed):
    train, test = ml.datasets.fashion_mnist_10k()
    reached = accuracy(ml.models.tutorial(seed=seed), train, test, seed=seed, lr=1e-3, epochs=60, batch_size=32)
    print(f"tutorial, seed {seed}: {reached:.2%}")
    assert reached >= 0.795


@seeds
def test_lenet_on_all_of_fashion_mnist(seed):
    train, test = ml.datasets.fashion_mnist()
    reached = accuracy(ml.models.lenet(seed=seed), train, test, seed=seed, lr=2e-3, epochs=5, batch_size=64)
    print(f"lenet, seed {seed}: {reached:.2%}")
    assert reached >= 0.885


def test_cnn_on_all_of_fashion_mnist():
    """With one seed: training takes minutes."""
    reached = recipes.train("cnn", seed=0)["accuracy"]
    print(f"cnn, seed 0: {reached:.2%}")
    assert reached >= 0.91
