"""What an answer may have of others while it is graded."""

import sys
from types import ModuleType

import pytest
import torch

from autograder import references, registry
from autograder.lender import Lender
from autograder.lending import lent
from autograder.slicing import Cell


def borrowed(name, *sources):
    return lent(registry.find(name), [Cell("cell", source) for source in sources])


def test_what_comes_before_and_is_not_in_the_notebook_is_lent():
    assert borrowed("train_lenet", "from mine.warmup import batches") == ("warmup.batches",)
    assert borrowed("train_lenet", "import mine.lenet as m\nm.tanh(1)") == ("lenet.tanh",)
    assert borrowed("train_lenet", "batches(x)") == ()


def test_the_students_own_is_never_replaced():
    assert borrowed("train_lenet", "from mine.lenet import tanh", "def tanh(x):\n    raise NotImplementedError") == ()
    assert borrowed("train_lenet", "from mine.lenet import tanh", "tanh = lambda x: x") == ()


def test_nothing_is_lent_that_hands_the_answer_over():
    assert borrowed("precision", "from mine.lenet import precision, recall, f1") == ()
    assert borrowed("conv2d", "from mine.lenet import conv2d, LeNet5, train_lenet") == ()


def test_what_comes_later_is_not_lent():
    assert borrowed("accuracy", "from mine.lenet import confusion_matrix, tanh") == ()
    assert borrowed("relu", "from mine.lenet import leaky_relu, linear") == ("lenet.linear",)


def test_a_lesson_lends_texts_and_what_the_cells_define(monkeypatch):
    answers = ModuleType("answer")
    answers.own = "the student's"
    monkeypatch.setitem(sys.modules, "answer", answers)
    lesson = Lender("mine.lenet", {"relu": "def relu(x):\n    return x"})
    assert lesson.relu(3) == 3
    assert lesson.relu is lesson.relu
    assert lesson.own == "the student's"
    with pytest.raises(AttributeError, match="other"):
        _ = lesson.other


@pytest.mark.parametrize("exercise", registry.all_exercises(), ids=lambda exercise: exercise.id)
def test_every_reference_is_made_from_its_text_alone(exercise):
    assert exercise.name in vars(made_from(exercise.lesson, exercise.name))


def test_what_a_reference_needs_of_earlier_lessons_comes_with_it():
    alone = made_from("vit", "SelfAttention")
    layer, tokens = alone.SelfAttention(6, 2), torch.randn(2, 3, 6)
    assert layer(tokens).shape == tokens.shape


def made_from(lesson, name):
    alone = ModuleType("alone")
    exec(references.standalone(lesson, name), vars(alone))
    return alone
