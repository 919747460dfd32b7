import numpy as np
import pytest

import minidl as ml
from minidl import inspection


@pytest.mark.parametrize("shape", [(40, 7), (6, 30)])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_principal_components_are_those_of_scikit_learn(shape, count):
    decomposition = pytest.importorskip("sklearn.decomposition")
    x = np.random.default_rng(0).normal(size=shape) * np.arange(1, shape[1] + 1) + 5
    pca = decomposition.PCA(count, svd_solver="full").fit(x)
    got = inspection.principal_components(x, count=count)
    wanted = pca.transform(x)
    largest = np.abs(pca.components_).argmax(axis=1)
    np.testing.assert_allclose(got, wanted * np.sign(pca.components_[range(count), largest]), atol=1e-9)
    np.testing.assert_allclose(got.var(axis=0) / x.var(axis=0).sum(), pca.explained_variance_ratio_)


def test_maps_are_taken_as_vectors():
    x = np.random.default_rng(0).normal(size=(5, 2, 3, 4)).astype(np.float32)
    np.testing.assert_array_equal(inspection.principal_components(x), inspection.principal_components(x.reshape(5, -1)))


def test_features_that_do_not_fit():
    with pytest.raises(ml.ShapeError, match="at least 2 samples and features"):
        inspection.principal_components(np.zeros((1, 9)))
    with pytest.raises(ml.ShapeError, match=r"expected features \(n, features\)"):
        inspection.principal_components(np.zeros(9))
    with pytest.raises(ValueError, match="finite"):
        inspection.principal_components(np.full((3, 3), np.nan))
