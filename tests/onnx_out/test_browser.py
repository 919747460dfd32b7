"""LeNet in ONNX Runtime's build for browsers, in Node: where ONNXRUNTIME_WEB names the folder of its npm package."""

import json
import os
import shutil
import subprocess

import numpy as np
import pytest

import minidl as ml
from tests.graph.conftest import arrays
from tests.onnx_out.runs import assert_agree

PROGRAM = """
const ort = await import(process.argv[2] + "/dist/ort.node.min.mjs");
const fs = await import("node:fs");
ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create(fs.readFileSync("lenet.onnx"));
const x = new Float32Array(JSON.parse(fs.readFileSync("x.json")));
const { output } = await session.run({ input: new ort.Tensor("float32", x, [8, 1, 28, 28]) });
console.log(JSON.stringify({ dims: output.dims, data: Array.from(output.data) }));
"""


def test_lenet(tmp_path):
    package, node = os.environ.get("ONNXRUNTIME_WEB"), shutil.which("node")
    if not package or not node:
        pytest.skip("needs Node, and ONNXRUNTIME_WEB: the folder of the npm package onnxruntime-web")
    model, x = ml.models.lenet(seed=0), arrays((8, 1, 28, 28))[0]
    model.save(tmp_path / "lenet.onnx")
    (tmp_path / "x.json").write_text(json.dumps(x.ravel().tolist()))
    (tmp_path / "run.mjs").write_text(PROGRAM)
    command = [node, "run.mjs", os.path.abspath(package)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    given = json.loads(done.stdout)
    assert_agree([np.array(given["data"], np.float32).reshape(given["dims"])], [model(x)])
