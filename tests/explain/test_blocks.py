"""Steps are folded to the blocks that an overview draws."""

import minidl as ml
from minidl import models
from minidl.explain.blocks import blocks
from minidl.explain.steps import network_steps


def of(model):
    steps = network_steps(model)
    return steps, blocks(steps)


def test_a_layer_goes_with_its_normalization_and_activation():
    steps, found = of(models.lenet(seed=0))
    assert [block["steps"] for block in found] == [[0, 0], [1, 2], [3, 3], [4, 5], [6, 6], [7, 9], [10, 11], [12, 13]]
    assert [block["from"] for block in found] == [[], [0], [1], [2], [3], [4], [5], [6]]
    assert not any(block["lane"] for block in found)
    assert steps[6]["kind"] == "flatten", "it's with what reads the list"


def test_shortcuts_are_arcs():
    steps, found = of(models.resnet20(seed=0))
    assert len(steps) == 73
    assert len(found) == 33
    sums = [i for i, block in enumerate(found) if steps[block["steps"][0] - 1]["kind"] == "add"]
    assert len(sums) == 9
    for i in sums:
        assert len(found[i]["from"]) == 2
        first, last = found[i]["steps"]
        assert [step["kind"] for step in steps[first - 1 : last]] == ["add", "elementwise"]
    # The shortcuts that are convolutions come between: the arc begins before them.
    assert {found[i]["from"][0] - found[i]["from"][1] for i in sums} == {2, -1}


def test_every_step_is_in_one_block():
    for model in (models.unet(depth=2, width=0.1, seed=0), models.mobilenet(seed=0)):
        steps, found = of(model)
        numbers = [i for block in found for i in range(block["steps"][0], block["steps"][1] + 1)]
        assert numbers == list(range(len(steps) + 1))
        for j, block in enumerate(found):
            assert all(source < j for source in block["from"])


def test_the_arcs_of_a_u_net_lie_in_one_another():
    steps, found = of(models.unet(depth=2, width=0.1, seed=0))
    stacks = [block for block in found if steps[block["steps"][0] - 1]["kind"] == "concatenate"]
    lanes = [found[min(block["from"])]["lane"] for block in stacks]
    assert lanes == [1, 2]


def test_what_others_read_too_ends_a_block():
    x = ml.Input((1, 4, 4))
    a = ml.Conv2D(2, 3, padding=1)(x)
    b = ml.ReLU()(a)
    model = ml.Graph(x, ml.Dense(2)(ml.Flatten()(ml.Add()(a, b))), seed=0)
    assert [block["steps"] for block in of(model)[1]] == [[0, 0], [1, 1], [2, 2], [3, 3], [4, 6]]
