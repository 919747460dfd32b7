"""Modules describe themselves; what they don't describe is a node that runs them."""

import numpy as np
import pytest

import minidl as ml
from minidl.description import operators as op
from minidl.description.graph import CannotDescribeError, Describer, Description, Node, Value, describes_itself
from tests.described import describe


class Opaque(ml.Module):
    """It has a forward pass alone."""

    def forward(self, x, *, train):
        return x + 1, lambda dy, *, need_dx=True: dy if need_dx else None


def kinds(description):
    return [type(node.operator) for node in description.nodes]


def test_nodes_have_inputs_shapes_names_and_the_classes_of_their_layers():
    layers = [ml.Conv2D(4, 3), ml.Residual([ml.ReLU(), ml.Conv2D(4, 1)]), ml.Flatten(), ml.Dense(3)]
    description = describe(ml.Sequential(layers, input_shape=(2, 6, 5), seed=0))
    assert [node[1:] for node in description.nodes] == [
        ((), (2, 6, 5), "", "", 0),
        ((0,), (4, 4, 3), "0", "Conv2D", 1),
        ((1,), (4, 4, 3), "1", "Residual", 2),
        ((2,), (4, 4, 3), "1.body.0", "ReLU", 3),
        ((3,), (4, 4, 3), "1.body.1", "Conv2D", 4),
        ((4, 2), (4, 4, 3), "1", "Residual", 5),
        ((5,), (48,), "2", "Flatten", 6),
        ((6,), (3,), "3", "Dense", 7),
    ]
    assert kinds(description) == [op.Input, op.Conv, op.Identity, op.ReLU, op.Conv, op.Add, op.Reshape, op.Dense]
    assert (description.inputs, description.outputs) == ((0,), (7,))


def test_readers_are_counted_as_often_as_they_read():
    nodes = [Node(op.Input(), (), (2,)), Node(op.ReLU(), (0,), (2,)), Node(op.Add(), (1, 1), (2,))]
    nodes.append(Node(op.Add(), (2, 0), (2,)))
    assert Description(tuple(nodes), (0,), (3,)).readers() == [[1, 3], [2, 2], [3], []]


def test_operators_have_the_arrays_of_the_layers_and_no_gradient_for_what_is_frozen():
    model = ml.Sequential([ml.Conv2D(4, 3, stride=2, bias=False), ml.Flatten(), ml.Dense(3)], input_shape=(2, 6, 6))
    model[2].trainable = False
    _, conv, _, dense = (node.operator for node in describe(model).nodes)
    assert conv.weight.value is model[0].weight.value
    assert conv.weight.grad is model[0].weight.grad
    assert conv.bias is None
    assert conv.geometry == op.ConvGeometry((2, 2), ((0, 0), (0, 0)), (1, 1), 1)
    assert dense.bias.value is model[2].bias.value
    assert dense.bias.grad is None
    assert (op.is_trained(conv), op.is_trained(dense)) == (True, False)


def test_what_it_is_for_decides():
    model = ml.Sequential([ml.Conv2D(4, 3), ml.BatchNorm2D(), ml.Dropout(0.5)], input_shape=(2, 6, 6), seed=0)
    assert kinds(describe(model, purpose="training"))[2:] == [op.BatchNorm, op.Dropout]
    assert kinds(describe(model, purpose="inference"))[2:] == [op.Normalize]
    gradients = describe(model, purpose="gradients")
    assert kinds(gradients)[2:] == [op.Normalize]
    assert op.is_trained(gradients.nodes[2].operator)
    model[1].trainable = False
    assert kinds(describe(model, purpose="training"))[2:] == [op.Normalize, op.Dropout]
    gradients = describe(model, purpose="gradients")
    assert kinds(gradients)[2:] == [op.Normalize]
    assert not op.is_trained(gradients.nodes[2].operator)


def test_a_module_without_a_description_is_a_node_that_runs_it():
    inside = Opaque()
    description = describe(ml.Sequential([ml.ReLU(), ml.Residual(inside)], input_shape=(3,)))
    assert kinds(description) == [op.Input, op.ReLU, op.Identity, op.Opaque, op.Add]
    node = description.nodes[3]
    assert node.operator.module is inside
    assert (node.name, node.layer, node.is_opaque) == ("1.body", "Opaque", True)
    assert not description.nodes[1].is_opaque


def test_several_inputs_and_outputs():
    a, b = ml.Input((2, 4, 4), name="a"), ml.Input((3, 4, 4), name="b")
    both = ml.Concatenate()(a, b, name="both")
    graph = ml.Graph([b, a], [ml.ReLU()(both, name="positive"), both], seed=0)
    description = describe(graph, *graph.input_shapes)
    assert description.inputs == (0, 1)
    assert [description.nodes[i].shape for i in description.inputs] == [(3, 4, 4), (2, 4, 4)]
    concat = next(node for node in description.nodes if isinstance(node.operator, op.Concat))
    assert (concat.inputs, concat.shape, concat.name) == ((1, 0), (5, 4, 4), "both")
    assert [kinds(description)[i] for i in description.outputs] == [op.ReLU, op.Identity]


def test_every_module_is_noted_that_was_described():
    model = ml.Sequential([ml.Residual([ml.Dense(3), Opaque()]), ml.ReLU()], input_shape=(3,), seed=0)
    describer = Describer("training", batch_size=4)
    describer.call_in_pass(model, describer.input((3,)))
    block = model[0]
    wanted = [model, block, block.body, block.body[0], block.body[1], model[1]]
    assert [id(module) for module in describer.modules] == [id(module) for module in wanted]


class Halfway(ml.Module):
    """It finds out late that it can't be described."""

    def __init__(self):
        self.inner = ml.Dense(3)

    def build(self, input_shape, rng):
        self.inner.build(input_shape, rng)

    def describe(self, describer, x):
        describer.call(self.inner, x, name="inner")
        raise CannotDescribeError("halfway")

    def forward(self, x, *, train):
        return self.inner.forward(x, train=train)


def test_what_cannot_be_described_leaves_nothing_behind():
    module = Halfway()
    module.build((3,), np.random.default_rng(0))
    describer = Describer("training", batch_size=4)
    x = describer.input((3,))
    assert describer.call(module, x, name="halfway") == Value(1, (3,))
    assert [type(node.operator) for node in describer.nodes] == [op.Input, op.Opaque]
    assert describer.modules == [module]
    assert describer.call(ml.ReLU(), x, name="next").node == 2
    assert [node.name for node in describer.nodes] == ["", "halfway", "next"]


def test_gates_are_products():
    gate = [ml.GlobalAveragePool2D(), ml.Dense(3), ml.Sigmoid(), ml.Reshape((3, 1, 1))]
    model = ml.Sequential([ml.ReLU(), ml.Multiply([[], gate])], input_shape=(3, 4, 5), seed=0)
    assert kinds(describe(model))[-2:] == [op.Reshape, op.Multiply]
    assert describe(model).nodes[-1].shape == (3, 4, 5)
    alike = ml.Sequential([ml.Multiply([[], ml.Sigmoid()])], input_shape=(3, 4, 5))
    assert kinds(describe(alike)) == [op.Input, op.Identity, op.Identity, op.Elementwise, op.Multiply]


def test_a_shape_that_does_not_fit_is_an_error():
    layer = ml.Conv2D(2, 5)
    describer = Describer("inference", batch_size=1)
    layer.build((1, 8, 8), np.random.default_rng(0))
    with pytest.raises(ml.ShapeError, match=r"expected \(1, h, w\) images, got \(3, 8, 8\)"):
        describer.call(layer, describer.input((3, 8, 8)))


class Documented(ml.ReLU):
    """Another name for it."""


class Longer(ml.ReLU):
    def twice(self, x):
        return self(self(x))


class OtherForward(ml.ReLU):
    def forward(self, x, *, train):
        return super().forward(x + 1, train=train)


class OtherOperator(ml.ReLU):
    def operator(self, x):
        return super().operator(-x)


class OtherShape(ml.Conv2D):
    def output_shape(self, input_shape):
        return super().output_shape(input_shape)


class OtherProperty(ml.ReLU):
    @property
    def takes_integers(self):
        return False


class OtherFormula(ml.LeakyReLU):
    def formula(self):
        return "leaky_relu", (0.3,)


class OtherDescription(ml.ReLU):
    def forward(self, x, *, train):
        return ml.functional.tanh(x)

    def describe(self, describer, x):
        return describer.add(op.Elementwise("tanh"), x, shape=x.shape)


class OtherJoin(ml.Add):
    def join(self, parts):
        return parts[0] - parts[1]


@pytest.mark.parametrize(
    ("module", "does"),
    [
        (ml.ReLU(), True),
        (Documented(), True),
        (Longer(), True),
        (OtherDescription(), True),
        (OtherFormula(), True),
        (Opaque(), False),
        (OtherForward(), False),
        (OtherOperator(), False),
        (OtherShape(2, 1), False),
        (OtherProperty(), False),
        (OtherJoin([[], []]), False),
        (type("Grandchild", (OtherForward,), {})(), False),
        (type("Mixed", (type("Mixin", (), {"infer": lambda self, x: x}), ml.ReLU), {})(), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_subclass_that_redefines_something_does_not_describe_itself(module, does):
    assert describes_itself(module) is does


@pytest.mark.parametrize("name", ["forward", "infer", "describe", "operator"])
def test_neither_does_a_module_with_a_method_of_its_own(name):
    layer = ml.ReLU()
    assert describes_itself(layer)
    setattr(layer, name, lambda *args, **options: None)
    assert not describes_itself(layer)
    delattr(layer, name)
    layer._note = "an attribute that changes nothing"
    assert describes_itself(layer)


class Noted(ml.Sequential):
    """It says that it has been called, and goes on as its class does."""

    def forward(self, x, *, train):
        self.passes = vars(self).get("passes", 0) + 1
        return super().forward(x, train=train)


class Reversed(ml.Sequential):
    def describe(self, describer, x):
        return super().describe(describer, x)

    def infer_by_parts(self, x):
        return x


def test_a_pass_that_is_under_way_may_have_been_redefined():
    model = Noted([ml.Dense(3)], input_shape=(2,), seed=0)
    assert describes_itself(model, in_pass=True)
    assert not describes_itself(model)
    assert kinds(describe(model)) == [op.Input, op.Dense]
    assert kinds(describe(ml.Sequential([model], input_shape=(2,)))) == [op.Input, op.Opaque]
    assert describes_itself(Reversed([ml.ReLU()]), in_pass=True)
    assert not describes_itself(OtherJoin([[], []]), in_pass=True)
    describer = Describer("inference", batch_size=1)
    assert describer.call_in_pass(OtherJoin([[], []]), describer.input((2,))) is None


@pytest.mark.compiled
def test_what_is_redefined_is_run():
    x = np.float32([[-2, 3, -4]])
    with ml.use_backend("compiled"):
        for layer, wanted in [
            (OtherForward(), [0, 4, 0]),
            (OtherOperator(), [2, 0, 4]),
            (OtherFormula(), [-0.6, 3, -1.2]),
            (OtherJoin([[], ml.ReLU()]), [-2, 0, -4]),
            (Opaque(), [-1, 4, -3]),
        ]:
            model = ml.Sequential([layer, ml.Residual([])], input_shape=(3,))
            wanted = 2 * np.float32([wanted])
            np.testing.assert_array_equal(model.forward(x, train=True)[0], wanted)
            if not isinstance(layer, OtherFormula):
                np.testing.assert_array_equal(model(x), wanted)
        model = Noted([ml.ReLU()], input_shape=(3,))
        model.forward(x, train=True)
        assert model.passes == 1


@pytest.mark.parametrize(
    "layer", [ml.GroupNorm(2), ml.LayerNorm(), ml.BatchNorm1D()], ids=lambda layer: type(layer).__name__
)
def test_sequences_are_normalized_as_images_that_are_1_high(layer):
    model = ml.Sequential([layer], input_shape=(4, 5), seed=0)
    description = describe(model)
    assert kinds(description)[1] is kinds(description)[3] is op.Reshape
    assert [node.shape for node in description.nodes] == [(4, 5), (4, 1, 5), (4, 1, 5), (4, 5)]
