"""Train the network of `clothes` on images that minidl's package carries, and write its weights.

    python examples/embed/train.py

Half of the 10,000 images are trained on, and the other half tells how good the network is. The same version of minidl
writes the same file, byte by byte, whatever the number of threads.
"""

import argparse
from pathlib import Path

import minidl as ml

EPOCHS, BATCH_SIZE, RATE = 30, 64, 5e-3
WEIGHTS = Path(__file__).parent / "src" / "clothes" / "weights.npz"


def train(path: Path) -> float:
    """Write the weights of a trained network to `path`; return the share of the test images that it has right."""
    images, tests = ml.datasets.fashion_mnist_10k()
    layers: list[ml.Module] = [
        *(ml.Conv2D(32, 3, padding=1), ml.ReLU(), ml.MaxPool2D(2)),
        *(ml.Conv2D(64, 3, padding=1), ml.ReLU(), ml.MaxPool2D(2)),
        *(ml.Flatten(), ml.Dense(10), ml.Softmax()),
    ]
    model = ml.Sequential(layers, input_shape=(1, 28, 28), seed=0)
    optimizer = ml.AdamW(model.parameters(), lr=RATE)
    steps = EPOCHS * -(-len(images) // BATCH_SIZE)
    model.fit(
        images.images,
        images.labels,
        loss=ml.CrossEntropy(),
        optimizer=optimizer,
        schedule=ml.schedules.OneCycle(optimizer, max_lr=RATE, total_steps=steps),
        augment=[ml.augment.RandomShift(1), ml.augment.RandomHorizontalFlip()],
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        metrics=[ml.Accuracy()],
        seed=0,
    )
    model.save(path)
    return float(
        model.evaluate(tests.images, tests.labels, loss=ml.CrossEntropy(), metrics=[ml.Accuracy()])["accuracy"]
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train the network of `clothes`.")
    parser.add_argument("--out", type=Path, default=WEIGHTS, metavar="FILE.npz", help=f"default: {WEIGHTS}")
    path = parser.parse_args().out
    print(f"{train(path):.2%} of the test images right; {path.stat().st_size:,} bytes in {path}")
