"""Write onnx_models.npz: a part of what ONNX Runtime gives for networks that others trained; needs ONNX Runtime.

The networks lie beside the project, in ../shared/models/onnx. Each output is kept by its shape, its largest number and
its numbers at PLACES, taken from it as one row.
"""

from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "models" / "onnx"

SHAPES = {
    "mnist_8/model": [(1, 1, 28, 28)],
    "mtcnn/onet": [(1, 48, 48, 3), (3, 48, 48, 3)],
    "mtcnn/pnet": [(1, 60, 80, 3), (2, 65, 51, 3)],
    "mtcnn/rnet": [(1, 24, 24, 3), (3, 24, 24, 3)],
    "ppocr_cls": [(1, 3, 48, 192), (2, 3, 48, 192)],
    "ppocr_v4_det": [(1, 3, 96, 160), (2, 3, 64, 64)],
    "super_resolution_10/model": [(1, 1, 224, 224)],
    "ultraface_rfb_320": [(1, 3, 240, 320)],
    "yunet_n_320_320": [(1, 3, 320, 320)],
    "yunet_n_dynamic": [(1, 3, 320, 320), (2, 3, 160, 192)],
}
"""Of the inputs that each is given."""

COUNT = 100


def image(shape: tuple[int, ...], name: str) -> np.ndarray:
    """Numbers as networks take them: from -1 to 1, from 0 to 255, or what looks like text to one that looks for it."""
    rng = np.random.default_rng(sum(shape))
    if name == "ppocr_v4_det":
        x = np.full(shape, 1, np.float32)
        for top in range(12, shape[2] - 20, 32):
            for left in range(8, shape[3] - 10, 6):
                down, across = 4 * rng.integers(0, 3, 2)
                x[..., top + down : top + down + 8, left : left + 2] = -1
                x[..., top + across : top + across + 2, left : left + 6] = -1
        return x
    x = rng.random(shape, np.float32)
    return 255 * x if name.startswith("yunet") else 2 * x - 1


def places(size: int) -> np.ndarray:
    """Which of an output's numbers are kept."""
    return np.sort(np.random.default_rng(size).choice(size, min(size, COUNT), replace=False))


if __name__ == "__main__":
    import onnxruntime

    arrays = {"versions": np.array(f"ONNX Runtime {onnxruntime.__version__}")}
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    for name, shapes in SHAPES.items():
        path = str(FOLDER / f"{name}.onnx")
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        for i, shape in enumerate(shapes):
            x = image(shape, name)
            for k, y in enumerate(session.run(None, {session.get_inputs()[0].name: x})):
                arrays[f"{name}.{i}.{k}"] = y.reshape(-1)[places(y.size)]
                arrays[f"{name}.{i}.{k}.shape"] = np.array(y.shape)
                arrays[f"{name}.{i}.{k}.largest"] = np.abs(y).max()
    np.savez_compressed(Path(__file__).with_name("onnx_models.npz"), **arrays)
