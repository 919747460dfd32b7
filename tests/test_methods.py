"""Models' methods have the arguments of the functions that they call; a model remembers its last training."""

import copy
import inspect
import pickle

import pytest

import minidl as ml
from tests.training.blobs import X, Y, network


@pytest.mark.parametrize("name", ["fit", "evaluate", "predict", "train_on_batch", "test_on_batch"])
def test_a_method_has_the_function_s_arguments_and_defaults(name):
    method, function = inspect.signature(getattr(ml.Model, name)), inspect.signature(getattr(ml, name))
    own, wanted = ([*each.parameters.values()] for each in (method, function))
    assert (own[0].name, wanted[0].name) == ("self", "module")
    assert [(p.name, p.kind, p.default) for p in own[1:]] == [(p.name, p.kind, p.default) for p in wanted[1:]]


def test_an_unknown_argument_draws_a_hint():
    model = network()
    with pytest.raises(TypeError, match="fit: unknown argument 'learning_rate'"):
        model.fit(X, Y, learning_rate=3)
    with pytest.raises(TypeError, match="predict: unknown argument 'batchsize'; did you mean batch_size"):
        model.predict(X, batchsize=3)


def fit(model, **options):
    optimizer = ml.SGD(model.parameters(), lr=0.1)
    return model.fit(X, Y, loss=ml.CrossEntropy(), optimizer=optimizer, verbose=0, seed=0, **options)


def test_a_model_remembers_what_its_last_training_saw():
    model = network()
    assert model.history is None
    assert fit(model, epochs=2) is model.history
    assert fit(model) is model.history
    assert len(model.history["loss"]) == 1
    assert network().history is None
    assert copy.deepcopy(model).history is None
    assert pickle.loads(pickle.dumps(model)).history is None


def test_after_an_interrupt_there_are_the_whole_epochs_and_what_was_learned():
    class Interrupt(ml.Callback):
        def on_train_batch_end(self, batch, logs):
            if self.epoch == 2 and batch == 1:
                raise KeyboardInterrupt

        def on_epoch_begin(self, epoch):
            self.epoch = epoch

    model, other = network(), network()
    with pytest.raises(KeyboardInterrupt):
        fit(model, epochs=9, callbacks=[Interrupt()], shuffle=False)
    history = fit(other, epochs=2, shuffle=False)
    assert model.history == history
    fit(other, shuffle=False, callbacks=[ml.LambdaCallback()])  # of which the first two batches were learned, too
    assert model.evaluate(X, Y, loss=ml.CrossEntropy())["loss"] < history["loss"][0]


def test_a_model_that_is_no_key_is_trained_all_the_same():
    class Unhashable(ml.Model):
        __hash__ = None

        def __init__(self):
            self.body = network()

        def forward(self, x, *, train):
            return self.body.forward(x, train=train)

    model = Unhashable()
    assert len(fit(model)["loss"]) == 1
    assert model.history is None


def test_a_subclass_may_have_a_history_of_its_own():
    class Own(ml.Model):
        def __init__(self):
            self.history = [1]

    assert Own().history == [1]


def test_a_callback_sees_the_history_grow():
    lengths = []

    class Looks(ml.Callback):
        def on_epoch_end(self, epoch, logs):
            lengths.append(len(self.model.history["loss"]))

    fit(network(), epochs=3, callbacks=[Looks()])
    assert lengths == [1, 2, 3]
