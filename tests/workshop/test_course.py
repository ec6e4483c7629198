from __future__ import annotations

import numpy as np
import pytest

from bili2text.workshop.course import course, steps
from bili2text.workshop.values import TrainSettings

LENGTHS = np.random.Generator(np.random.PCG64(5)).integers(4, 200, 5_000)
SETTINGS = TrainSettings(batch=24, accumulate=4, epochs=2)


def test_each_epoch_has_every_example_and_fills_its_last_step_with_some_of_them_again():
    order = course(LENGTHS, SETTINGS, 42)
    assert len(order) == steps(len(LENGTHS), SETTINGS) * 96 == 2 * 53 * 96
    for epoch in order.reshape(2, -1):
        assert set(epoch) == set(range(5_000))


def test_the_order_is_the_seeds_and_each_epoch_has_another():
    order = course(LENGTHS, SETTINGS, 42)
    assert np.array_equal(order, course(LENGTHS, SETTINGS, 42))
    assert not np.array_equal(order, course(LENGTHS, SETTINGS, 43))
    first, second = order.reshape(2, -1)
    assert not np.array_equal(first, second)


def test_the_examples_of_a_batch_are_about_as_long_as_each_other():
    batches = LENGTHS[course(LENGTHS, SETTINGS, 42).reshape(-1, 24)]
    padded = (batches.max(axis=1) * 24).sum() / batches.sum()
    shuffled = LENGTHS[np.random.Generator(np.random.PCG64(1)).permutation(4_992)].reshape(-1, 24)
    assert padded < 1.1 < 1.5 < (shuffled.max(axis=1) * 24).sum() / shuffled.sum()


def test_short_and_long_batches_come_in_no_order():
    means = LENGTHS[course(LENGTHS, SETTINGS, 42).reshape(-1, 24)].mean(axis=1)
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.2


def test_fewer_examples_than_a_step_are_a_step_all_the_same():
    order = course(np.array([3, 5]), TrainSettings(batch=4, accumulate=2, epochs=1), 1)
    assert len(order) == 8
    assert set(order) == {0, 1}


def test_there_must_be_an_example():
    with pytest.raises(ValueError, match="no example"):
        course(np.array([], dtype=np.int64), SETTINGS, 1)
