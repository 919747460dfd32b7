"""Networks cut at modules that run by themselves give what their modules give one by one."""

import copy
from typing import NamedTuple

import numpy as np
import pytest

import minidl as ml
from minidl import functional as F
from minidl.description import operators as op
from minidl.description.graph import Description, Node
from minidl.engine.steps import Part, Run, Steps, UnexpectedError, cut, ends_in_sigmoid, expect_gradients
from minidl.functional.network import CannotPrepareError
from minidl.functional.origin import is_from_sigmoid
from tests.described import describe, groups, is_one_network, prepared, run_one_by_one

pytestmark = pytest.mark.compiled


@pytest.fixture(autouse=True)
def compiled():
    with ml.use_backend("compiled"):
        yield


class Scaled(ml.Module):
    """A layer that no backend prepares, with a parameter."""

    def __init__(self):
        self.weight = ml.Parameter()

    def build(self, input_shape, rng):
        self.weight.initialize((1,), lambda shape, rng: rng.uniform(0.5, 2, shape), rng)

    def forward(self, x, *, train):
        def backward(dy, *, need_dx=True):
            if self.weight.trainable:
                self.weight.grad += np.ascontiguousarray(dy * x).sum()  # in one order, whatever that of the inputs
            return dy * self.weight.value if need_dx else None

        return x * self.weight.value, backward


class Same(ml.Module):
    """A layer that no backend prepares and that has no parameters."""

    def forward(self, x, *, train):
        return x, lambda dy, *, need_dx=True: dy if need_dx else None


def conv():
    return ml.Conv2D(4, 3, padding=1)


def graph_of_two():
    a, b = ml.Input((2, 6, 6), name="a"), ml.Input((4, 6, 6), name="b")
    first = ml.ReLU()(conv()(a))
    seen = Scaled()(first)
    both = ml.Concatenate()(seen, b, first)
    deep = conv()(both)
    pooled = ml.Dense(3)(ml.GlobalAveragePool2D()(deep))
    return ml.Graph([a, b], [pooled, Scaled()(deep), seen], seed=0)


def layers(*between, shape=(4, 6, 6)):
    return ml.Sequential([conv(), ml.ReLU(), *between, ml.Flatten(), ml.Dense(3)], input_shape=shape, seed=0)


MODELS = {
    "no module by itself": lambda: layers(),
    "between": lambda: layers(Scaled()),
    "several, one after the other": lambda: layers(Scaled(), Same(), Scaled(), conv()),
    "first and last": lambda: ml.Sequential([Scaled(), conv(), ml.ReLU(), Scaled()], input_shape=(4, 6, 6), seed=0),
    "none but those": lambda: ml.Sequential([Scaled(), Same()], input_shape=(4, 6, 6), seed=0),
    "nothing": lambda: ml.Sequential([], input_shape=(4, 6, 6)),
    "in a body": lambda: layers(ml.Residual([conv(), Scaled(), conv()])),
    "in a projection": lambda: layers(ml.Residual([conv(), ml.ReLU()], projection=[Scaled(), conv()]), ml.ReLU()),
    "around a shortcut": lambda: layers(ml.Residual(Scaled())),
    "in two branches": lambda: layers(ml.Concatenate([Scaled(), [conv(), Same()]])),
    "in a product": lambda: layers(ml.Multiply([[conv()], [Scaled(), conv(), ml.Sigmoid()]])),
    "two inputs and three outputs": graph_of_two,
}


def as_tuple(x):
    return x if isinstance(x, tuple) else (x,)


def inputs(model, n=5, seed=0):
    shapes = model.input_shapes if isinstance(model, ml.Graph) else [model.input_shape]
    rng = np.random.default_rng(seed)
    xs = tuple(rng.standard_normal((n, *shape), dtype=np.float32) for shape in shapes)
    return xs if len(xs) > 1 else xs[0]


def results(model, x, *, train=True, need_dx=True):
    """(ys, dxs, gradients, state)."""
    model = copy.deepcopy(model)
    y, backward = model.forward(x, train=train)
    rng = np.random.default_rng(1)
    dys = tuple(rng.standard_normal(each.shape, dtype=np.float32) for each in as_tuple(y))
    dx = backward(dys if len(dys) > 1 else dys[0], need_dx=need_dx)
    gradients = [parameter.grad for parameter in model.parameters()]
    return [*as_tuple(y), *(as_tuple(dx) if need_dx else [dx]), *gradients, *model.state_dict().values()]


@pytest.mark.parametrize("need_dx", [True, False])
@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_steps_give_the_bits_of_the_modules_one_by_one(monkeypatch, make, train, need_dx):
    model = make()
    x = inputs(model)
    assert model._networks.forward(copy.deepcopy(model), *as_tuple(x), train=train) is not None
    got, y = results(model, x, train=train, need_dx=need_dx), model(x)
    run_one_by_one(monkeypatch)
    for a, b in zip(got, results(model, x, train=train, need_dx=need_dx), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(as_tuple(y), as_tuple(model(x)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("train", [True, False])
def test_sums_in_another_order_differ_by_rounding_alone(monkeypatch, train):
    """Of gradients in several parts."""
    model = layers(ml.Concatenate([[], Scaled(), [conv(), Same()], [ml.ReLU()]]))
    x = inputs(model)
    assert len(prepared(model).steps) > 1
    got = results(model, x, train=train)
    run_one_by_one(monkeypatch)
    for a, b in zip(got, results(model, x, train=train), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_it_is_cut_where_modules_run_by_themselves():
    assert groups(MODELS["no module by itself"]()) == [["1", "2", "3"]]
    assert groups(MODELS["several, one after the other"]()) == [["1"], "2", "3", "4", ["5", "6", "7"]]
    assert groups(MODELS["first and last"]()) == ["0", ["2"], "3"]
    assert groups(MODELS["nothing"]()) == []
    assert groups(MODELS["in a body"]()) == [["1", "2", "2.body.0"], "2.body.1", ["2.body.2", "2", "3", "4"]]
    assert is_one_network(MODELS["no module by itself"]())
    assert not is_one_network(MODELS["none but those"]())


def test_a_part_takes_what_was_given_before_and_gives_what_is_read_later():
    """0 -> 1 -> 2 (by itself) -> 3 -> 5, 1 -> 4 -> 5, and 4 is an output too."""
    shape = (3,)
    operators = [op.Input(), op.ReLU(), op.Opaque(Same()), op.ReLU(), F.formula("tanh"), op.Add()]
    sources = [(), (0,), (1,), (2,), (1,), (3, 4)]
    nodes = tuple(Node(each, inputs, shape) for each, inputs in zip(operators, sources, strict=True))
    first, by_itself, second = cut(Description(nodes, (0,), (5, 4)))
    assert by_itself == 2
    assert isinstance(first, Part)
    assert (first.inputs, first.outputs) == ((0,), (1,))
    assert isinstance(second, Part)
    assert (second.inputs, second.outputs) == ((1, 2), (4, 5))
    own = second.description
    assert [(type(node.operator), node.inputs) for node in own.nodes] == [
        (op.Input, ()),
        (op.Input, ()),
        (op.ReLU, (1,)),
        (op.Elementwise, (0,)),
        (op.Add, (2, 3)),
    ]
    assert (own.inputs, own.outputs) == ((0, 1), (3, 4))


def test_numbers_worked_by_hand():
    """y = relu(x) + 2 relu(x), where the factor of 2 is a module of its own."""
    twice = Scaled()
    model = ml.Sequential([ml.ReLU(), ml.Residual(twice)], input_shape=(2,), seed=0)
    twice.weight.value = np.float32([2])
    steps = prepared(model, batch_size=1)
    assert [isinstance(step, Part) for step in steps.steps] == [True, False, True]
    (y,), run = steps.forward([np.float32([[3, -1]])], train=True)
    np.testing.assert_array_equal(y, [[9, 0]])
    assert isinstance(run, Run)
    (dx,) = run.backward([np.float32([[1, 10]])], need_dx=True)
    np.testing.assert_array_equal(dx, [[3, 0]])
    np.testing.assert_array_equal(twice.weight.grad, [3])
    assert run.backward([np.float32([[1, 10]])], need_dx=False) == [None]
    np.testing.assert_array_equal(twice.weight.grad, [6])
    np.testing.assert_array_equal(steps.infer([np.float32([[5, -1]])])[0], [[15, 0]])


def test_an_output_without_a_gradient_counts_as_zero():
    model = graph_of_two()
    x = inputs(model)
    (pooled, deep, seen), backward = model.forward(x, train=True)
    dy = np.random.default_rng(1).standard_normal(pooled.shape, dtype=np.float32)
    dxs = backward((dy, None, None))
    gradients = [parameter.grad.copy() for parameter in model.parameters()]
    model.zero_grad()
    for dx, want in zip(dxs, backward((dy, np.zeros_like(deep), np.zeros_like(seen))), strict=True):
        np.testing.assert_array_equal(dx, want)
    for gradient, parameter in zip(gradients, model.parameters(), strict=True):
        np.testing.assert_array_equal(gradient, parameter.grad)


def test_what_is_frozen_below_is_not_asked_for_gradients():
    asked = []

    class Asked(Same):
        def forward(self, x, *, train):
            def backward(dy, *, need_dx=True):
                asked.append(need_dx)
                return dy if need_dx else None

            return x, backward

    model = layers(Asked(), conv(), Asked())
    model[0].trainable = model[3].trainable = model[2].trainable = model[4].trainable = False
    y, backward = model.forward(inputs(model), train=True)
    assert backward(np.ones_like(y), need_dx=False) is None
    assert asked == []
    assert model[6].weight.grad.any()
    assert backward(np.ones_like(y)) is not None
    assert asked == [True, True]
    model[3].trainable = True
    _, backward = model.forward(inputs(model), train=True)
    asked.clear()
    backward(np.ones_like(y), need_dx=False)
    assert asked == [True]


class Flat(ml.Module):
    """A layer that forgot to say that it changes the shape."""

    def forward(self, x, *, train):
        def backward(dy, *, need_dx=True):
            return np.ascontiguousarray(dy.reshape(x.shape)) if need_dx else None

        return np.ascontiguousarray(x).reshape(len(x), -1), backward


class Double(Flat):
    """A layer that gives another dtype."""

    def forward(self, x, *, train):
        return x.astype(np.float64), lambda dy, *, need_dx=True: dy.astype(np.float32)


class NoArray(Same):
    def forward(self, x, *, train):
        y, backward = super().forward(x, train=train)
        return y.tolist(), backward


@pytest.mark.parametrize("kind", [Flat, Double, NoArray])
def test_a_module_that_gives_something_else_than_it_says(kind):
    model = ml.Sequential([ml.ReLU(), kind()], input_shape=(2, 3), seed=0)
    steps, x = prepared(model), inputs(model)
    for attempt in (lambda: steps.infer([x]), lambda: steps.forward([x], train=True)):
        with pytest.raises(UnexpectedError):
            attempt()


def test_modules_that_lie_about_shapes_run_one_by_one():
    model = ml.Sequential([ml.BatchNorm2D(), ml.ReLU(), Flat()], input_shape=(2, 3, 3), seed=0)
    x = inputs(model)
    with ml.use_backend("vectorized"):
        wanted = copy.deepcopy(model).forward(x, train=True)[0]
    assert wanted.shape == (5, 18)
    for _ in range(2):
        y, backward = model.forward(x, train=True)
        np.testing.assert_allclose(y, wanted, rtol=1e-5, atol=1e-6)
        assert backward(np.ones_like(y)).shape == x.shape
        np.testing.assert_array_equal(model(x), model[2](model[1](model[0](x))))
    assert set(model._networks._shelves.values()) == {None}


def test_a_network_that_was_of_no_use_has_moved_no_statistics():
    model = ml.Sequential([ml.BatchNorm2D(), ml.Dropout(0.5), Flat()], input_shape=(2, 3, 3), seed=0)
    other = copy.deepcopy(model)
    x = inputs(model)
    for _ in range(3):
        y = model.forward(x, train=True)[0]
        with ml.use_backend("vectorized"):
            wanted = other.forward(x, train=True)[0]
        np.testing.assert_allclose(y, wanted, rtol=1e-5, atol=1e-6)
    for name, value in model.state_dict().items():
        np.testing.assert_allclose(value, other.state_dict()[name], rtol=1e-5, atol=1e-6, err_msg=name)


class Picky(Same):
    def forward(self, x, *, train):
        if (x < 0).any():
            raise ml.ShapeError("expected something positive")
        return super().forward(x, train=train)


def test_errors_inside_tell_where_they_happened():
    model = ml.Sequential([ml.Dense(3), ml.Residual([ml.Dense(3), Picky()])], input_shape=(2,), seed=0)
    x = inputs(model)
    for attempt in (lambda: model(x), lambda: model.forward(x, train=True)):
        for _ in range(2):
            with pytest.raises(ml.ShapeError) as caught:
                attempt()
            message = str(caught.value)
            assert message.startswith("Sequential[1] Residual: ")
            assert "Chain[1] Picky: expected something positive" in message
            assert message.endswith("; input (2,) -> 0 Dense (3,)")


def test_other_errors_pass_and_leave_the_network_as_it_was():
    class Failing(Same):
        fails = True

        def forward(self, x, *, train):
            if self.fails:
                raise RuntimeError("out of order")
            return super().forward(x, train=train)

    model = layers(Failing())
    x = inputs(model)
    for attempt in (lambda: model(x), lambda: model.forward(x, train=True)):
        with pytest.raises(RuntimeError, match="out of order"):
            attempt()
    model[2].fails = False
    np.testing.assert_array_equal(model(x), model.forward(x, train=True)[0])
    assert None not in model._networks._shelves.values()


def test_wrong_gradients_draw_errors():
    like = [((2, 3), np.dtype("f4")), ((2,), np.dtype("f4"))]
    good = np.zeros((2, 3), "f4"), np.zeros(2, "f4")
    expect_gradients(good, like)
    with pytest.raises(ml.ShapeError, match="expected 2 gradients, got 1"):
        expect_gradients(good[:1], like)
    with pytest.raises(ml.ShapeError, match=r"expected dy \(2,\), got \(3,\)"):
        expect_gradients((good[0], np.zeros(3, "f4")), like)
    with pytest.raises(ml.DTypeError, match="expected dy in float32, got float64"):
        expect_gradients((good[0], np.zeros(2)), like)


@pytest.mark.parametrize(
    ("end", "does"),
    [
        ([ml.Sigmoid()], True),
        ([ml.Sigmoid(), ml.Reshape((9,)), ml.Reshape((3, 3))], True),
        ([ml.Concatenate([ml.Sigmoid(), [ml.Tanh(), ml.Sigmoid()]])], True),
        ([ml.Concatenate([ml.Sigmoid(), ml.Tanh()])], False),
        ([ml.Sigmoid(), ml.ReLU()], False),
        ([], False),
    ],
)
def test_what_ends_in_a_sigmoid_is_marked(end, does):
    model = ml.Sequential([ml.ReLU(), *end], input_shape=(9,), seed=0)
    description = describe(model, purpose="inference")
    assert ends_in_sigmoid(description, description.outputs[0]) is does
    x = inputs(model)
    assert is_from_sigmoid(model(x)) is does
    assert is_from_sigmoid(model.forward(x, train=True)[0]) is does


def test_the_size_is_that_of_the_networks():
    model = layers(Scaled(), conv())
    steps = prepared(model)
    sizes = [network.size for network in steps.networks if network is not None]
    assert len(sizes) == 2
    assert steps.size == sum(sizes) > 0


def test_steps_refuse_what_the_backend_cannot_prepare():
    class Unknown(NamedTuple):
        """An operator of nobody's."""

    nodes = (Node(op.Input(), (), (3,)), Node(Unknown(), (0,), (3,)))
    with pytest.raises(CannotPrepareError, match="Unknown isn't prepared"):
        Steps(Description(nodes, (0,), (1,)), 2, np.dtype("f4"), keeps=False)
