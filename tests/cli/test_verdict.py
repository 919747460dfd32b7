"""What an ended training says of itself."""

import pytest

from minidl.cli.verdict import chance_level, verdict


def history(trained, validated=None, losses=(1.0, 0.5, 0.9)):
    found = {"loss": [1.0], "accuracy": [trained]}
    return found if validated is None else {**found, "val_accuracy": [validated], "val_loss": list(losses)}


def test_the_chance_level_is_that_of_the_most_frequent_class():
    assert chance_level([10, 30, 60]) == 0.6
    assert chance_level([]) == 0.0


@pytest.mark.parametrize("trained", [history(0.9), history(0.9, 0.85), history(0.3, 0.35)])
def test_a_good_training_has_no_note(trained):
    assert verdict(trained, 0.1, 500) is None


def test_a_model_that_overfits():
    note = verdict(history(0.99, 0.7), 0.1, 500)
    assert note.startswith(
        "it overfits: accuracy 0.99 in training, 0.70 in validation (chance 0.10), val_loss lowest after epoch 2; what"
    )
    assert "lowest" not in verdict(history(0.99, 0.7, losses=(1.0, 0.5)), 0.1, 500)


def test_a_model_that_has_learned_nothing():
    for trained in (history(0.12), history(0.12, 0.11), history(float("nan"), float("nan"))):
        assert verdict(trained, 0.1, 500).startswith("it has learned nothing yet: accuracy ")
    assert verdict(history(0.2, 0.2), 0.1, 10).startswith("it has learned nothing yet")  # ten images say little


def test_images_too_few_to_say_anything():
    assert verdict(history(0.9, 1.0), 0.5, 2) is None
    assert verdict(history(0.4, 0.4), 0.5, 5).startswith("it has learned nothing yet")
    assert verdict(history(0.2, 0.2), 0.1, 500) is None


def test_one_that_knows_its_images_by_heart_and_nothing_else():
    assert "no better than chance on other images" in verdict(history(0.9, 0.1), 0.1, 500)
