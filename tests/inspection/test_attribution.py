import numpy as np
import pytest

import minidl as ml
from minidl import inspection


def model_of(*last, dtype="float64", channels=2):
    layers = [
        ml.Conv2D(3, 3, padding=1),
        ml.BatchNorm2D(),
        ml.Tanh(),
        ml.Residual([ml.Conv2D(3, 3, padding=1), ml.Tanh()]),
        ml.Flatten(),
        ml.Dense(4),
        *last,
    ]
    return ml.Sequential(layers, input_shape=(channels, 5, 4), seed=0, dtype=dtype)


def images(n=3, channels=2):
    return np.random.default_rng(1).random((n, channels, 5, 4))


def logits(model, x):
    return ml.layers.Chain(list(model)[:6])(x)


@pytest.mark.parametrize("last", [[], [ml.Softmax()], [ml.LogSoftmax()], [ml.Sigmoid()]])
@pytest.mark.parametrize("channels", [1, 3])
def test_saliency_is_the_gradient_of_the_logit(last, channels):
    model, x, classes = model_of(*last, channels=channels), images(2, channels), [3, 1]
    got = inspection.saliency(model, x, classes=classes)
    gradient = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[index] = 1e-6
        change = logits(model, x + step) - logits(model, x - step)
        gradient[index] = change[index[0], classes[index[0]]] / 2e-6
    np.testing.assert_allclose(got, np.abs(gradient).max(axis=1), rtol=1e-6, atol=1e-9)


def test_saliency_is_of_the_highest_score_by_default_and_for_each_image_by_itself():
    model, x = model_of(ml.Softmax()), images(5)
    classes = model(x).argmax(axis=1)
    got = inspection.saliency(model, x)
    np.testing.assert_allclose(inspection.saliency(model, x, classes=classes, batch_size=2), got)
    for i in range(5):
        np.testing.assert_allclose(inspection.saliency(model, x[i : i + 1], classes=int(classes[i]))[0], got[i])


def test_saliency_leaves_the_model_as_it_is():
    model, x = model_of(), images()
    for parameter in model.parameters():
        parameter.grad[...] = 0.5
    before = model.state_dict()
    inspection.saliency(model, x)
    assert all((parameter.grad == 0.5).all() for parameter in model.parameters())
    assert all((value == before[name]).all() for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (4, "from 0 to 3"),
        ([0, -1, 2], "from 0 to 3"),
        ([0, 1], "one for each of 3 images, got 2"),
        ([0.5, 1, 2], "expected integers"),
    ],
)
def test_classes_that_do_not_fit(classes, message):
    with pytest.raises(ValueError, match=message):
        inspection.saliency(model_of(), images(), classes=classes)


def probability(model, x, index):
    scores = np.exp(logits(model, x)[0])
    return scores[index] / scores.sum()


@pytest.mark.parametrize("last", [[], [ml.Softmax()]])
def test_occlusion_is_the_mean_loss_over_the_patches_that_cover_a_pixel(last):
    model, x = model_of(*last), images(1)
    before, lost = probability(model, x, 2), [[[] for _ in range(4)] for _ in range(5)]
    for top in (0, 2, 3):  # every second row, and the last place
        for left in (0, 1, 2):
            covered = x.copy()
            covered[:, :, top : top + 2, left : left + 2] = 0.25
            for i in (top, top + 1):
                for j in (left, left + 1):
                    lost[i][j].append(before - probability(model, covered, 2))
    wanted = [[np.mean(values) for values in line] for line in lost]
    options = {"class_index": 2, "size": 2, "stride": (2, 1), "fill": 0.25}
    np.testing.assert_allclose(inspection.occlusion(model, x[0], **options), wanted, rtol=1e-9)
    np.testing.assert_allclose(inspection.occlusion(model, x, batch_size=2, **options), wanted, rtol=1e-9)


def test_occlusion_by_default_covers_the_image_with_its_mean():
    model, x = model_of(), images(1)
    chosen = int(model(x).argmax())
    wanted = inspection.occlusion(model, x[0], class_index=chosen, size=1, stride=1, fill=x.mean())
    np.testing.assert_allclose(inspection.occlusion(model, x[0]), wanted)


@pytest.mark.parametrize("count", [1, 3])
def test_occlusion_of_what_ends_in_a_sigmoid_is_of_its_own_probability(count):
    layers = [ml.Flatten(), ml.Dense(count), ml.Sigmoid()]
    model, x = ml.Sequential(layers, input_shape=(2, 5, 4), seed=0, dtype="float64"), images(1)
    covered = x.copy()
    covered[:, :, 0, 0] = 0.25
    lost = inspection.occlusion(model, x, class_index=0, size=1, stride=1, fill=0.25)
    assert lost[0, 0] == pytest.approx(model(x)[0, 0] - model(covered)[0, 0])


def test_what_occlusion_does_not_take():
    with pytest.raises(ml.ShapeError, match="expected one image"):
        inspection.occlusion(model_of(), images(2))
    with pytest.raises(ml.ShapeError, match=r"expected samples \(n, 2, 5, 4\), got \(1, 1, 5, 4\)"):
        inspection.occlusion(model_of(), np.zeros((1, 5, 4)))
    with pytest.raises(ValueError, match="size: expected a patch within the image's 5 x 4, got 3 x 5"):
        inspection.occlusion(model_of(), images(1), size=(3, 5))
    with pytest.raises(ml.ShapeError, match="at least two classes"):
        inspection.occlusion(ml.Sequential([ml.Flatten(), ml.Dense(1)], input_shape=(2, 5, 4)), images(1))
    with pytest.raises(ml.ShapeError, match=r"scores \(n, classes\), got \(1, 2, 5, 4\)"):
        inspection.saliency(ml.Sequential([ml.ReLU()], input_shape=(2, 5, 4)), images(1))
