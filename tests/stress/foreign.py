"""Files of other programs, changed at random: PyTorch's, safetensors and ONNX."""

import glob
import io
import itertools
import math
import os
import pickletools
import re
import struct
import time
import warnings

import numpy as np

import minidl as ml
from minidl.saving.torch_file import load_torch
from tests.saving import torch_files as files
from tests.saving.torch_files import Code
from tests.stress import inputs

POOL = [
    b"N", b"K\0", b"K\1", b"K\xff", b"J\xff\xff\xff\xff", b"\x8a\x08" + b"\xff" * 7 + b"\x7f", b"(", b")", b"]",
    b"}", b"0", b"a", b"b", b"e", b"s", b"t", b"u", b"R", b"Q", b"\x86", b"\x87", b"q\0", b"h\0", b"h\1", b"h\2",
    b"\x94", b"\x81", b"\x93", b"X\1\0\0\0a", b"X\0\0\0\0", b"X\xff\xff\xff\x7f", b"ctorch\nFloatStorage\n",
    b"ctorch._utils\n_rebuild_tensor_v2\n", b"ccollections\nOrderedDict\n", b"ctorch\nSize\n", b"cos\nsystem\n",
]  # fmt: skip
"""Instructions of pickles, to be put between others."""

SIMPLEST = 60
"""The most nodes of the files of ONNX's own tests that are changed."""


def repickled(code, rng):
    """A pickle after one to four changes of its instructions."""
    try:
        ends = [place for _, _, place in pickletools.genops(code)] + [len(code)]
    except Exception:
        return inputs.changed(code, rng)
    parts = [code[start:end] for start, end in itertools.pairwise(ends)]
    for _ in range(rng.choice((1, 1, 2, 4))):
        place, other = rng.randrange(len(parts)), rng.randrange(len(parts))
        kind = rng.randrange(7)
        if kind == 0 and len(parts) > 1:
            del parts[place]
        elif kind == 1:
            parts.insert(place, parts[other])
        elif kind == 2:
            parts[place], parts[other] = parts[other], parts[place]
        elif kind == 3:
            parts[place] = rng.choice(POOL)
        elif kind == 4:
            parts.insert(place, rng.choice(POOL))
        elif kind == 5:
            parts[place:place] = parts[min(place, other) : max(place, other)] * (
                rng.choice((1, 2, 100)) if len(parts) < 1000 else 1
            )
        else:
            parts[place] = inputs.changed(parts[place], rng)
    return b"".join(parts)


class Foreign:
    """Readers of these files; `path(name, content)` writes one."""

    def _prepare_foreign(self):
        rng = np.random.default_rng(0)
        state = {"0.weight": rng.random((3, 2, 2)), "0.bias": rng.random(3, np.float32), "n": np.array(3)}
        state |= {"half": np.ones((2, 2), "<f2"), "is": np.array([True, False])}
        parts = {name: files.contiguous(str(i), array) for i, (name, array) in enumerate(state.items())}
        old = {name: files.contiguous(str(i), array, (None,)) for i, (name, array) in enumerate(state.items())}
        roots = [
            lambda parts: files.ordered(parts),
            lambda parts: {"epoch": 3, "state_dict": files.ordered(parts), "optimizer": {"state": [parts["n"]]}},
        ]
        self.torch_roots = [
            (
                files.START + files.value(root({name: code for name, (code, _) in parts.items()})) + b".",
                files.value(root({name: code for name, (code, _) in old.items()})),
            )
            for root in roots
        ]
        self.torch_storages = {str(i): (array.size, array.tobytes()) for i, array in enumerate(state.values())}
        stream = io.BytesIO()
        from minidl.saving.safetensors_file import save_safetensors

        save_safetensors(stream, state, metadata={"a": [1, 2.5, "b"]})
        self.safe = stream.getvalue()
        self.networks = list(_networks(self.folder))

    def torch(self, rng):
        """A file of PyTorch: of changed bytes, instructions or storages, with their right checksums."""
        code, old = rng.choice(self.torch_roots)
        storages = dict(self.torch_storages)
        if rng.random() < 0.3:
            key = rng.choice(list(storages))
            storages[key] = storages[key][0], inputs.changed(storages[key][1], rng)
        if rng.random() < 0.5:
            changed = repickled(code, rng) if rng.random() < 0.8 else code
            content = files.zipped(changed, {key: data for key, (_, data) in storages.items()})
        else:
            changed = repickled(old + b".", rng).removesuffix(b".") if rng.random() < 0.8 else old
            content = files.legacy(Code(changed), storages)
        if rng.random() < 0.2:
            content = inputs.changed(content, rng, [content])
        load_torch(self.path("a.pt", content), key=rng.choice((None, None, "", "optimizer")))

    def safetensors(self, rng):
        """A safetensors file: of changed bytes, or of a changed header that is as long as it says."""
        size = int.from_bytes(self.safe[:8], "little")
        header, data = self.safe[8 : 8 + size], self.safe[8 + size :]
        if rng.random() < 0.7:
            new = inputs.retold(header, rng) if rng.random() < 0.7 else inputs.changed(header, rng, [header])
            content = struct.pack("<Q", len(new)) + new + data
        else:
            content = inputs.changed(self.safe, rng, [self.safe])
        ml.load_arrays(self.path("a.safetensors", content))

    def kind(self, rng):
        """A file of any kind, or its beginning, whose kind is told."""
        whole = [*self.arrays, self.archive, self.tar, self.safe, *self.networks, *self.pictures.values()]
        whole += [code for pair in self.torch_roots for code in pair] + [b"\x80", b"", b"{", b"version https://git-lfs"]
        content = rng.choice(whole)
        content = content[: rng.randrange(20)] if rng.random() < 0.2 else inputs.changed(content, rng, whole)
        ml.load_arrays(self.path("a.pt", content))

    def onnx(self, rng):
        """An ONNX file, which predicts if it is loaded: of changed bytes, or of changed fields."""
        content = rng.choice(self.networks)
        content = inputs.changed(content, rng, self.networks) if rng.random() < 0.3 else _refielded(content, rng)
        path = self.path("a.onnx", content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            start = time.process_time()
            model = ml.load(path, budget=ml.Budget(activations=2**20, operations=10**6))
            took = time.process_time() - start
            assert took < 5, f"loading took {took:.1f} s"
        shapes = [model.input_shape] if len(model.input_names) == 1 else list(model.input_shape)
        if sum(math.prod(shape) for shape in shapes) <= 1000 and rng.random() < 0.5:
            xs = [np.ones((2, *shape), np.float32) for shape in shapes]
            with ml.use_backend(rng.choice(self.backends)):
                model.predict(xs[0] if len(xs) == 1 else tuple(xs), verbose=0)


def _networks(folder):
    """Small networks in ONNX: minidl's own, and those of ONNX's tests of operators."""
    import onnx

    path = os.path.join(folder, "made.onnx")
    for model in inputs.models():
        model.save(path)
        with open(path, "rb") as file:
            yield file.read()
    tests = os.path.join(os.path.dirname(onnx.__file__), "backend", "test", "data")
    for path in sorted(glob.glob(os.path.join(tests, "simple", "*", "model.onnx"))):
        with open(path, "rb") as file:
            yield file.read()
    for path in sorted(glob.glob(os.path.join(tests, "pytorch-*", "*", "model.onnx"))):
        if os.path.getsize(path) < 20_000 and re.search("onv|ool|inear|atch|adding|mul|transpose|index|shuffle", path):
            with open(path, "rb") as file:
                yield file.read()


OPERATORS = [
    "Conv", "Gemm", "MatMul", "Add", "Mul", "Reshape", "Transpose", "Concat", "Slice", "Gather", "Shape", "Cast", "Pad",
    "MaxPool", "AveragePool", "BatchNormalization", "Softmax", "ConstantOfShape", "Unsqueeze", "Squeeze", "Expand",
    "Resize", "Range", "ReduceMean", "Split", "Flatten", "Tile", "Where", "Clip", "Identity", "LSTM",
]  # fmt: skip
SIZES = [-(2**63), -2, -1, 0, 1, 2, 3, 7, 64, 2**16, 2**31, 2**40, 2**63 - 1]


def _refielded(content, rng):
    """The file with some of its fields changed."""
    import onnx

    model = onnx.load_from_string(content)
    graph = model.graph
    for _ in range(rng.choice((1, 1, 2, 3))):
        kind = rng.randrange(8)
        node = rng.choice(graph.node) if graph.node else None
        if kind == 0 and node:
            node.op_type = rng.choice(OPERATORS)
        elif kind == 1 and node and node.input:
            names = [name for each in graph.node for name in (*each.input, *each.output)]
            node.input[rng.randrange(len(node.input))] = rng.choice([*names, ""])
        elif kind == 2 and node and node.attribute:
            attribute = rng.choice(node.attribute)
            if attribute.ints and rng.random() < 0.9:
                attribute.ints[rng.randrange(len(attribute.ints))] = rng.choice(SIZES)
            else:
                attribute.i, attribute.f = rng.choice(SIZES), rng.choice((0.0, -1.0, 1e38, float("nan")))
        elif kind == 3 and graph.initializer:
            tensor = rng.choice(graph.initializer)
            if tensor.dims and rng.random() < 0.5:
                tensor.dims[rng.randrange(len(tensor.dims))] = rng.choice(SIZES)
            elif tensor.int64_data:
                tensor.int64_data[rng.randrange(len(tensor.int64_data))] = rng.choice(SIZES)
            elif tensor.data_type == onnx.TensorProto.INT64 and len(tensor.raw_data) >= 8:
                place = 8 * rng.randrange(len(tensor.raw_data) // 8)
                size = struct.pack("<q", rng.choice(SIZES))
                tensor.raw_data = tensor.raw_data[:place] + size + tensor.raw_data[place + 8 :]
            else:
                tensor.data_type = rng.randrange(20)
        elif kind == 4 and graph.input:
            shape = rng.choice(graph.input).type.tensor_type.shape
            if shape.dim:
                rng.choice(shape.dim).dim_value = rng.choice(SIZES)
        elif kind == 5 and node:
            graph.node.remove(node)
        elif kind == 6 and node:
            graph.node.add().CopyFrom(node)
        elif node and node.output:
            node.output[0] = rng.choice([output.name for output in graph.output] + list(node.output))
        if kind == 7 and rng.random() < 0.3 and model.opset_import:
            model.opset_import[0].version = rng.choice((0, 1, 6, 7, 9, 12, 17, 21, 99))
    return model.SerializeToString()
