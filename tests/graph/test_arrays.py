import numpy as np
import pytest

import minidl as ml
from minidl.graph.arrays import converted
from tests.graph.conftest import arrays


def test_an_array_that_fits_is_taken_as_it_is():
    x = ml.Input((4,))
    graph = ml.Graph(x, ml.Dense(2)(x))
    given = arrays((3, 4))[0]
    assert converted(graph, given, given.dtype)[0] is given


def test_each_input_is_converted_for_itself(two_in_two_out):
    x, angle = arrays((2, 3, 8, 8), (2, 4))
    found = converted(two_in_two_out, {"angle": angle.astype(np.float64), "image": x}, x.dtype)
    assert found[0] is x
    assert found[1].dtype == np.float32
    np.testing.assert_array_equal(found[1], angle)


def test_an_error_names_the_input(two_in_two_out):
    x, angle = arrays((2, 3, 8, 8), (2, 4))
    with pytest.raises(ml.DTypeError, match=r"^Graph: angle: expected samples as floats, got complex128"):
        converted(two_in_two_out, (x, angle.astype(complex)), x.dtype)
