"""Parameter groups: who follows which options, and what is refused."""

import numpy as np
import pytest

import minidl as ml
from minidl.module import Parameter

KINDS = [ml.SGD, ml.Adam, ml.AdamW, ml.RMSProp, ml.Adagrad, ml.Lion]


def network(seed=0):
    layers = [ml.Conv2D(2, 3), ml.BatchNorm2D(), ml.ReLU(), ml.Flatten(), ml.Dense(3)]
    return ml.Sequential(layers, input_shape=(1, 5, 5), seed=seed)


def step(model, optimizer, count=3):
    rng = np.random.default_rng(1)
    for _ in range(count):
        for parameter in model.parameters():
            parameter.grad = rng.standard_normal(parameter.value.shape)
        optimizer.step()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backend", ["reference", "vectorized", "compiled"])
def test_each_group_moves_as_an_optimizer_of_its_own(kind, backend):
    groups = {"*.bias": {"weight_decay": 0.0}, ml.biases_and_norms: {"lr_scale": 0.5}, "4.*": {"weight_decay": 0.3}}
    wanted = {
        "0.weight": (0.1, 0.1),
        "0.bias": (0.05, 0.0),
        "1.weight": (0.05, 0.1),
        "1.bias": (0.05, 0.0),
        "4.weight": (0.1, 0.3),
        "4.bias": (0.05, 0.3),
    }
    together, apart = network(), network()
    assert [name for name, _ in together.named_parameters()] == list(wanted)
    with ml.use_backend(backend):
        step(together, kind(together.named_parameters(), lr=0.1, weight_decay=0.1, groups=groups))
        optimizers = [
            kind([parameter], lr=wanted[name][0], weight_decay=wanted[name][1])
            for name, parameter in apart.named_parameters()
        ]
        rng = np.random.default_rng(1)
        for _ in range(3):
            for parameter, optimizer in zip(apart.parameters(), optimizers, strict=True):
                parameter.grad = rng.standard_normal(parameter.value.shape)
                optimizer.step()
    for name, value in together.state_dict().items():
        np.testing.assert_array_equal(value, apart.state_dict()[name], err_msg=name)


def test_groups_follow_the_optimizer_s_lr_and_its_state():
    model = network()
    options = {"lr": 0.1, "groups": {"0.*": {"lr_scale": 0}}}
    optimizer = ml.Adam(model.named_parameters(), **options)
    before = model.state_dict()
    step(model, optimizer)
    after = model.state_dict()
    assert np.array_equal(after["0.weight"], before["0.weight"])
    assert not np.array_equal(after["4.weight"], before["4.weight"])
    resumed = ml.Adam(model.named_parameters(), **options)
    resumed.load_state_dict(optimizer.state_dict())
    optimizer.lr = resumed.lr = 0
    step(model, optimizer)
    np.testing.assert_array_equal(model.state_dict()["4.weight"], after["4.weight"])


def test_an_optimizer_of_one_s_own_has_groups():
    class Plain(ml.Optimizer):
        def __init__(self, parameters, *, lr, pull=0.0, groups=None):
            self.pull = pull
            super().__init__(parameters, lr=lr, groups=groups)

        def update(self, value, grad, state):
            value -= self.lr * (grad + self.pull)

    parameters = [("a", Parameter(np.zeros(2))), ("b", Parameter(np.zeros(2)))]
    Plain(parameters, lr=0.5, groups={"b": {"pull": 2}}).step()
    np.testing.assert_array_equal([parameter.value for _, parameter in parameters], [[0, 0], [-1, -1]])


ONE = [("0.weight", Parameter(np.ones((2, 2)))), ("0.bias", Parameter(np.ones(2)))]


def bias(**options):
    return {"*.bias": options}


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: ml.Adam(ONE, groups={"*.gamma": {}}),
            ValueError,
            r"no parameter matches '\*.gamma'; there are 0.weight, 0.bias",
        ),
        (
            lambda: ml.Adam([parameter for _, parameter in ONE], groups=bias(weight_decay=0)),
            ValueError,
            r"the pattern '\*.bias' needs names: give model.named_parameters\(\)",
        ),
        (lambda: ml.Adam(ONE, groups=bias(decay=0)), ValueError, "unknown option 'decay'; known: lr_scale, betas, eps"),
        (lambda: ml.Adam(ONE, groups=bias(epss=0)), ValueError, "unknown option 'epss'; did you mean eps"),
        (lambda: ml.Adam(ONE, groups=bias(lr=0)), ValueError, "groups: use lr_scale, which is multiplied by"),
        (lambda: ml.Adam(ONE, groups=bias(weight_decay=-1)), ValueError, "groups: weight_decay: expected a number of"),
        (lambda: ml.SGD(ONE, lr=1, groups=bias(momentum=0.9)), ValueError, "groups: momentum: a group can't have it"),
        (lambda: ml.RMSProp(ONE, groups=bias(centered=True)), ValueError, "groups: centered: expected the same in all"),
        (
            lambda: ml.Adam(ONE, groups=bias(amsgrad=True)),
            ValueError,
            "groups: amsgrad: expected the same in all groups",
        ),
        (lambda: ml.Adam(ONE, groups=[{"params": []}]), TypeError, r"groups: expected {pattern: {option: value}}"),
        (lambda: ml.Adam(ONE, groups={"*.bias": 0}), TypeError, "groups: expected a pattern and its {option: value}"),
        (lambda: ml.Adam(ONE, param_groups={}), TypeError, "unknown argument 'param_groups'; did you mean groups"),
    ],
)
def test_groups_that_do_not_fit(make, error, message):
    with pytest.raises(error, match=message):
        make()
