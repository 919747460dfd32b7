"""What repr shows of models, losses, optimizers and the like is code that makes an equal one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minidl as ml
from minidl.display import code
from minidl.layers import LAYERS, Chain
from minidl.module import Module

MODULES = (ml, ml.schedules, ml.augment, ml.metrics)
NAMES = {name: getattr(module, name) for module in MODULES for name in module.__all__} | {"Chain": Chain}

sizes = st.integers(1, 4) | st.tuples(st.integers(1, 4), st.integers(1, 4))
VALUES = {
    "filters": st.sampled_from([4, 8]),
    "groups": st.sampled_from([1, 2, 4]),
    "padding": st.just("same"),
    "axes": st.just((2, 1, 3)),
    "shape": st.just((-1, 4)),
    "rate": st.floats(0, 0.9),
    "momentum": st.floats(0, 1),
    "seed": st.none() | st.integers(0, 9),
    "bias": st.booleans(),
    "count_include_pad": st.booleans(),
    "approximate": st.sampled_from(["none", "tanh"]),
    "interpolation": st.sampled_from(["nearest", "bilinear"]),
    "weight_init": st.sampled_from(
        ["zeros", "constant(0.5)", ml.initializers.he_uniform, ml.initializers.Constant(0.25)]
    ),
    **dict.fromkeys(["units", "vocabulary_size", "features", "depth_multiplier"], st.integers(1, 9)),
    **dict.fromkeys(["eps", "alpha", "beta", "negative_slope", "threshold", "scale", "offset"], st.floats(0.01, 2)),
    **dict.fromkeys(["kernel_size", "pool_size", "output_size", "size"], sizes),
}
axes = st.integers(1, 3)
OWN = {
    ml.Rescaling: {"scale": VALUES["scale"]},
    ml.ZeroPad2D: {"padding": sizes},
    ml.Pad2D: {"padding": sizes, "mode": st.sampled_from(["constant", "reflect", "edge"]), "value": st.floats(-1, 1)},
    ml.Resize: {"size": sizes, "scale": None, "interpolation": st.sampled_from(["nearest", "linear", "cubic"])},
    ml.Constant: {"shape": st.just((2, 3)), "trainable": st.booleans()},
    ml.LocalResponseNorm: {"size": st.integers(1, 5)},
    ml.Transpose: {"axes": st.sampled_from([(0, 2, 1), (0, 3, 1, 2)])},
    ml.Slice: {"axis": axes, "start": st.integers(0, 2), "stop": st.integers(3, 4), "step": st.integers(1, 2)},
    ml.Gather: {"axis": axes, "indices": st.lists(st.integers(0, 4), min_size=1).map(tuple)},
    ml.ZeroPadAxis: {"axis": axes, "before": st.integers(0, 2), "after": st.integers(0, 2)},
    ml.Power: {"exponent": st.floats(-2, 2)},
    **{key: {"axis": axes} for key in [ml.ArgMax, ml.Squeeze, ml.Unsqueeze]},
    **{key: {"factor": st.integers(1, 3)} for key in [ml.PixelShuffle, ml.PixelUnshuffle]},
    **{
        key: {"axes": st.sampled_from([1, (1, 2), (2, -1)]), "keepdims": st.booleans()}
        for key in [ml.ReduceL2, ml.ReduceMax, ml.ReduceMean, ml.ReduceSum]
    },
}
"""Of arguments that mean something else in these layers."""
NEEDED = {(ml.Resize, "size"), (ml.Constant, "shape")}


@st.composite
def layers(draw, depth=2):
    kind = draw(st.sampled_from([kind for kind in LAYERS if depth or kind not in CONTAINERS]))
    if kind in CONTAINERS:
        parts = draw(st.lists(layers(depth - 1), min_size=1, max_size=4))
        return kind([parts, parts[0]]) if issubclass(kind, ml.layers.branches.Branches) else kind(parts)
    if kind is ml.Normalization:
        return kind()
    single = kind.__name__.endswith("1D")
    options = {}
    for name, parameter in code.constructor(kind.__new__(kind)).items():
        values = st.integers(1, 4) if single and name in ("kernel_size", "pool_size") else VALUES.get(name)
        if name == "scale":
            values = st.booleans()
        values = OWN.get(kind, {}).get(name, values)
        is_needed = parameter.default is parameter.empty or (kind, name) in NEEDED
        if values is not None and (is_needed or draw(st.booleans())):
            options[name] = draw(values)
    return kind(**options)


CONTAINERS = (Chain, ml.Residual, ml.Concatenate, ml.Add, ml.Multiply)


def plain(value, name=""):
    """What two objects that are made alike have in common; initializers in place of their names."""
    if isinstance(value, Module):
        return type(value), {name: plain(argument, name) for name, argument in value.arguments().items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if name == "weight_init":
        initializer = ml.initializers.get(value)
        return initializer if initializer in ml.initializers.FUNCTIONS else (type(initializer), vars(initializer))
    return value


@given(st.lists(layers(), max_size=6), st.sampled_from(["float32", "float64"]))
def test_the_code_of_a_model_makes_an_equal_one(parts, dtype):
    model = ml.Sequential(parts, seed=3, dtype=dtype)
    again = eval(repr(model), dict(NAMES))
    assert plain(again) == plain(model)
    assert repr(again) == repr(model)


@pytest.mark.parametrize("name", list(ml.models.MODELS))
def test_the_code_of_a_network_builds_the_same_weights(name):
    model = ml.models.MODELS[name](seed=5)
    again = eval(repr(model), dict(NAMES))
    assert again.input_shape == model.input_shape
    state = again.state_dict()
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(state[key], value)


def test_a_long_model_has_a_line_for_each_layer():
    assert repr(ml.models.lenet(seed=0)).splitlines()[:3] + repr(ml.models.lenet(seed=0)).splitlines()[-2:] == [
        "Sequential([",
        "    Conv2D(6, 5, padding=2),",
        "    ReLU(),",
        "    Dense(10),",
        "], input_shape=(1, 28, 28), seed=0)",
    ]
    block = repr(ml.models.resnet20(seed=0))
    assert "\n    Residual([\n        Conv2D(32, 3, stride=2, padding=1, bias=False),\n" in block
    assert "\n    ], projection=[Conv2D(32, 1, stride=2, bias=False), BatchNorm2D()]),\n" in block
    assert max(map(len, block.splitlines())) <= code.WIDTH


@pytest.mark.parametrize(
    "text",
    [
        "CrossEntropy()",
        "CrossEntropy(label_smoothing=0.1, class_weight=[1.0, 2.5], reduction='sum')",
        "BinaryCrossEntropy(from_logits=False)",
        "FocalLoss(gamma=3.0)",
        "KLDivergence(reduction='none')",
        "Huber(delta=0.5)",
        "Accuracy()",
        "BinaryAccuracy(threshold=0.5)",
        "TopKAccuracy(k=3)",
        "Precision(average=None)",
        "F1(average='micro', threshold=0.5)",
        "ROCAUC(from_logits=False)",
        "ROCAUC(average='micro', multilabel=True, name='auc')",
        "ConfusionMatrix()",
        "TopKAccuracy(k=2, name='top')",
        "RandomCrop(32, padding=4)",
        "RandomCrop((30, 32))",
        "RandomHorizontalFlip(rate=0.25)",
        "RandomShift((1, 2))",
        "RandomBrightness(0.2, value_range=None)",
        "MixUp(alpha=0.4)",
        "Compose([Cutout(8), RandomRotation(10)])",
        "SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)",
        "Adam(model.parameters(), lr=0.01, betas=(0.8, 0.99))",
        "AdamW(model.named_parameters(), groups={'*.bias': {'weight_decay': 0}}, clip_norm=1.0)",
        "Adam(model.named_parameters(), groups={biases_and_norms: {'lr_scale': 0.5}})",
        "RMSProp(model.parameters(), centered=True)",
        "Adagrad(model.parameters(), initial_accumulator_value=0.1)",
        "Lion(model.parameters())",
        "Step(optimizer, step_size=3)",
        "MultiStep(optimizer, milestones=[3, 5], gamma=0.5, per='batch')",
        "CosineAnnealing(optimizer, period=10, min_lr=0.01)",
        "ReduceOnPlateau(optimizer, monitor='loss', patience=3)",
        "OneCycle(optimizer, max_lr=0.5, total_steps=100, pct_start=0.4, div_factor=10.0, three_phase=True)",
        "WarmUp(optimizer, steps=5)",
        "WarmUp(optimizer, steps=5, per='batch')",
        "WarmUp(Exponential(optimizer, gamma=0.9, per='batch'), steps=5, start_factor=0.1)",
    ],
)
def test_what_trains_pastes_back(text):
    model = ml.Sequential([ml.Dense(2)], input_shape=(3,))
    optimizer = ml.SGD(model.parameters(), lr=0.1, momentum=0.9)
    assert repr(eval(text, NAMES | {"model": model, "optimizer": optimizer})) == text


def test_a_metric_and_a_schedule_at_work_show_how_they_were_made():
    metric = ml.TopKAccuracy(2)
    metric.update(np.eye(3), [0, 1, 1])
    assert repr(metric) == "TopKAccuracy(k=2)"
    optimizer = ml.SGD(ml.Sequential([ml.Dense(2)], input_shape=(3,)).parameters(), lr=0.1)
    schedule = ml.schedules.WarmUp(optimizer, steps=5)
    schedule.step()
    assert repr(schedule) == "WarmUp(optimizer, steps=5)"


def test_what_one_s_own_class_does_not_keep_is_left_open():
    class Weighted(ml.Loss):
        def __init__(self, weight, *, scale=1.0):
            self.weight = weight

    class Plain(ml.Loss):
        def each(self, scores, targets):
            raise NotImplementedError

    class Own(ml.Metric):
        pass

    class Named(ml.Metric):
        name = "named"

        def __init__(self, name):
            self.name = name

    assert repr(Weighted(np.float32(0.5))) == "Weighted(0.5, scale=...)"
    assert (repr(Plain()), repr(Own()), repr(Named("named"))) == ("Plain()", "Own()", "Named('named')")


def test_texts():
    assert code.text((1,)) == "(1,)"
    assert code.text(np.arange(4).reshape(2, 2)) == "[[0, 1], [2, 3]]"
    assert code.text({"a": [np.float64(0.5)], ml.one_hot: ...}) == "{'a': [0.5], one_hot: ...}"
    wide = "w" * 60
    assert code.text([wide, [wide, wide]]) == (
        f"[\n    '{wide}',\n    [\n        '{wide}',\n        '{wide}',\n    ],\n]"
    )


def test_modules_deep_in_modules_are_told_in_no_time():
    module = ml.ReLU()
    for _ in range(60):
        module = ml.Residual([module, ml.LeakyReLU(0.25)])
    assert repr(module).count("LeakyReLU(negative_slope=0.25)") == 60  # told twice a level, it would take forever
