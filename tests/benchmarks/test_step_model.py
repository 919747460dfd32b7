"""The model of a step: counts that a reader can check by hand, and a fit that finds what made the numbers."""

import numpy as np
import pytest

from benchmarks import graph, networks, step_model
from benchmarks.step_model import Case, Exchange, Link, Sizes

SIZES = Sizes(parameters=1000, scores=10, norms=[16, 32])


def test_what_is_exchanged_in_a_step():
    found = step_model.exchanges(SIZES, 128, 4)
    assert found == [
        *[Exchange("gather", 128), Exchange("gather", 256)],
        Exchange("gather", 4 * 10 * 32),
        *[Exchange("gather", 256), Exchange("gather", 128)],
        *[Exchange("scatter", 1000), Exchange("gather", 1000)],
    ]
    assert step_model.exchanges(SIZES, 128, 1) == []
    assert step_model.exchanges(SIZES, 128, 16, exact=False)[-1] == Exchange("sum", 4000)


def test_slices_are_of_one_size():
    assert step_model.of_gradients(1001, 4) == [Exchange("scatter", 4 * 251), Exchange("gather", 4 * 251)]


@pytest.mark.parametrize(
    ("exchange", "ranks", "messages", "sent"),
    [
        (Exchange("gather", 100), 2, 1, 100),
        (Exchange("gather", 100), 8, 3, 700),
        (Exchange("gather", 1e6), 8, 7, 7e6),
        (Exchange("scatter", 100), 8, 7, 700),
        (Exchange("sum", 1024), 8, 6, 2 * 1024 * 7 / 8),
        (Exchange("sum", 1024), 256, 16, 2 * 1024 * 255 / 256),
    ],
)
def test_messages_and_bytes(exchange, ranks, messages, sent):
    assert step_model.messages(exchange, ranks) == messages
    assert step_model.sent(exchange, ranks) == sent
    link = Link(message=3.0, byte=0.5)
    assert step_model.waiting(link, [exchange] * 2, ranks) == 2 * (3 * messages + 0.5 * sent)


def cases(link):
    given = [(Sizes(60_000, 10, []), 0.01), (Sizes(270_000, 10, [16] * 20), 0.2), (Sizes(800_000, 10, []), 0.3)]
    found = []
    for sizes, computing in given:
        exchanged = step_model.exchanges(sizes, 128, 2)
        found.append(Case(computing + step_model.waiting(link, exchanged, 2), computing, 2, exchanged))
    return found


@pytest.mark.parametrize("link", [Link(1e-3, 8e-8), Link(2e-6, 1e-10), Link(0.0, 8e-9), Link(1e-4, 0.0)])
def test_the_fit_finds_the_link_that_the_steps_were_made_of(link):
    found = step_model.fit(cases(link))
    np.testing.assert_allclose(found, link, rtol=1e-6, atol=1e-15)
    for case in cases(link):
        assert step_model.predicted(found, case) == pytest.approx(case.seconds)


def test_nothing_takes_less_than_no_time():
    faster = [Case(case.computing * 0.9, case.computing, 2, case.exchanges) for case in cases(Link(0, 0))]
    assert step_model.fit(faster) == Link(0, 0)
    bytes_alone = [case._replace(seconds=case.seconds - 1e-6 * len(case.exchanges)) for case in cases(Link(0, 1e-8))]
    message, byte = step_model.fit(bytes_alone)
    assert message == 0
    assert byte == pytest.approx(1e-8, rel=0.1)


def test_computing_between_and_beyond_what_was_measured():
    computed = {1: 1.0, 4: 2.5, 8: 4.5}
    assert [step_model.seconds(computed, n) for n in (0.5, 1, 2, 8, 10)] == [1, 1, 1.5, 4.5, 5.5]
    assert step_model.seconds({4: 2.0}, 8) == 2


def test_speedups():
    computed = {1: 1.0, 8: 8.0}
    free, hosts = Link(0, 0), [1, 2, 4, 8]
    assert step_model.speedups(free, SIZES, computed, hosts, 8, weak=False) == [1, 2, 4, 8]
    assert step_model.speedups(free, SIZES, computed, hosts, 8, weak=True) == [1, 2, 4, 8]
    slow = Link(1.0, 0)  # 7 calls of log2 R or R - 1 messages each
    assert step_model.speedups(slow, SIZES, computed, [1, 2], 8, weak=True) == [1, 2 * 8 / (8 + 7)]
    assert step_model.speedups(slow, SIZES, computed, [1, 2], 8, weak=False) == [1, 8 / (4 + 7)]


def test_what_a_network_exchanges_is_read_from_its_description():
    sizes = step_model.described(graph.describe(networks.without_softmax(networks.build("resnet20"))))
    model = networks.build("resnet20")
    assert sizes.parameters == sum(parameter.value.size for parameter in model.parameters())
    assert sizes.scores == 10
    assert sizes.norms == [16] * 7 + [32] * 7 + [64] * 7
