"""The second half of lesson 01: one slip in a student's code, and the name that the check gives it."""

from pathlib import Path

import pytest
import torch

from autograder import registry
from autograder.judge import judge
from autograder.runner import in_this_process

SOURCE = Path(__file__).with_name("student.py").read_text(encoding="utf-8")
ZERO_GRAD = "            optimizer.zero_grad()\n"
TRAIN_MODE, EVAL_MODE = "        model.train()\n", "        model.eval()\n"
WEIGHTED = "total + loss.item() * len(x), count + len(x)"
VALIDATION = "with torch.no_grad():\n            for"
SGD_SKIP = """\
            if p.grad is None:
                continue
            g = p.grad + self.decay * p
            v.mul"""
ADAM_SKIP = """\
                continue
            self.t"""
DECAY_APART = "\n            p *= 1 - self.lr * self.decay\n"
ADAM_UPDATE = "p -= self.lr * mean / (square.sqrt() + self.eps)"
SHARED_BY_ADAM = [
    ("forgets the bias correction", ("mean, square = m / (1 - b1**t), s / (1 - b2**t)", "mean, square = m, s")),
    ("corrects the mean only", ("s / (1 - b2**t)", "s")),
    ("corrects the mean square only", ("m / (1 - b1**t)", "m")),
    ("counts steps for all parameters together", ("t = self.t[i]", "t = self.calls")),
    ("overwrites the means with the corrected ones", ("mean, square = m / (", "mean, square = m.div_("),
     ("s / (1 - b2**t)", "s.div_(1 - b2**t)"), ("m.div_(1 - b1**t)", "m.div_(1 - b1**t)")),
    ("puts eps inside the root", ("(square.sqrt() + self.eps)", "(square + self.eps).sqrt()")),
    ("adds eps before the correction", (ADAM_UPDATE,
     "p -= self.lr * mean / ((s.sqrt() + self.eps) / (1 - b2**t) ** 0.5)")),
    ("forgets the root", ("(square.sqrt() + self.eps)", "(square + self.eps)")),
    ("swaps the betas", ("b1, b2 = self.betas", "b2, b1 = self.betas")),
    ("takes no gradient for zero", (ADAM_SKIP, ADAM_SKIP.replace("continue", "p.grad = 0 * p"))),
]  # fmt: skip
MISTAKES = {
    "log_softmax": [
        ("overflows", ("z = x - x.amax(dim, keepdim=True)", "z = x")),
        ("shifts by one maximum for all rows", ("x.amax(dim, keepdim=True)", "(x.max() if len(x) else 0)")),
        ("takes the log of a probability that is 0", ("return z - z.exp().sum(dim, keepdim=True).log()",
         "return (z.exp() / z.exp().sum(dim, keepdim=True)).log()")),
        ("adds 1e-12 inside the log", ("return z - z.exp().sum(dim, keepdim=True).log()",
         "return (z.exp() / z.exp().sum(dim, keepdim=True) + 1e-12).log()")),
        ("always uses the last axis", ("    z = x -", "    dim = -1\n    z = x -")),
    ],
    "cross_entropy": [
        ("overflows", ("z = x - x.amax(dim, keepdim=True)", "z = x")),
        ("applies softmax twice", ("log_softmax(logits)", "log_softmax(logits.softmax(1))")),
        ("divides by a count where weights were added", ("total = each.sum()", "total = len(target)")),
        ("counts ignored rows and forgets the sum of weights", ("total = each.sum()", "total = len(kept)")),
        ("ignores the class weights", ("if weight is None else weight", "")),
        ("ignores ignore_index", ("    logits, target = logits[kept], target[kept]\n", "")),
        ("ignores label smoothing", ("if label_smoothing else hard", "if False else hard")),
    ],
    "kaiming_init": [
        ("swaps fan_in and fan_out", ('mode == "fan_in"', 'mode == "fan_out"')),
        ("leaves the kernel's size out", ("math.prod(shape[2:])", "1")),
        ("forgets the gain of ReLU", ("math.sqrt(2 / (1 + negative_slope**2) / fan)", "math.sqrt(1 / fan)")),
        ("doesn't square the slope", ("negative_slope**2", "negative_slope")),
        ("takes the variance for the std", ("math.sqrt(2 / (1 + negative_slope**2) / fan)",
         "(2 / (1 + negative_slope**2) / fan)")),
        ("draws from a uniform distribution", ("torch.randn(shape)", "(2 * torch.rand(shape) - 1) * 3**0.5")),
        ("gives the same values every time", ("torch.randn(shape)",
         "torch.randn(shape, generator=torch.Generator().manual_seed(0))")),
    ],
    "xavier_init": [
        ("takes the std for the bound", ("math.sqrt(6 /", "math.sqrt(2 /")),
        ("draws no negative values", ("(2 * torch.rand(shape) - 1)", "torch.rand(shape)")),
        ("draws from a normal distribution", ("(2 * torch.rand(shape) - 1)", "torch.randn(shape) / 3**0.5")),
        ("divides 6 by fan_in alone", ("sum(fans(shape))", "fans(shape)[0]")),
        ("leaves the kernel's size out", ("math.prod(shape[2:])", "1")),
    ],
    "SGD": [
        ("moves uphill", ("p -= self.lr * (g", "p += self.lr * (g")),
        ("never moves the parameters", ("p -= self.lr * (g + self.momentum * v if self.nesterov else v)",
         "p = p - self.lr * (g + self.momentum * v if self.nesterov else v)")),
        ("averages where it should add", ("v.mul_(self.momentum).add_(g)",
         "v.mul_(self.momentum).add_((1 - self.momentum) * g)")),
        ("ignores nesterov", ("if self.nesterov else v", "if False else v")),
        ("stops at a missing gradient", (SGD_SKIP, SGD_SKIP.replace("continue", "return"))),
        ("takes no gradient for zero", (SGD_SKIP, SGD_SKIP.replace("continue", "p.grad = 0 * p"))),
        ("changes the gradients", (SGD_SKIP,
         SGD_SKIP.replace("p.grad + self.decay * p", "p.grad.add_(self.decay * p)"))),
        ("decays past the momentum", (SGD_SKIP, SGD_SKIP.replace("+ self.decay * p\n", DECAY_APART))),
        ("keeps gradients after zero_grad", ("            p.grad = None", "            pass")),
    ],
    "RMSprop": [
        ("puts eps inside the root", ("s.sqrt() + self.eps\n", "(s + self.eps).sqrt()\n")),
        ("forgets the root", ("s.sqrt() + self.eps\n", "s + self.eps\n")),
        ("leaves out eps", ("s.sqrt() + self.eps\n", "s.sqrt()\n")),
        ("forgets 1 − alpha", ("(1 - self.alpha) * g * g", "g * g")),
        ("swaps alpha and 1 − alpha", ("s.mul_(self.alpha).add_((1 - self.alpha)",
         "s.mul_(1 - self.alpha).add_(self.alpha")),
    ],
    "Adam": [*SHARED_BY_ADAM, ("decouples the decay", ("coupled = True", "coupled = False"))],
    "AdamW": [
        *SHARED_BY_ADAM,
        ("couples the decay", ("coupled = False", "coupled = True")),
        ("decays without the learning rate", ("1 - self.lr * self.decay", "1 - self.decay")),
        ("has no decay by default", ("weight_decay=0.01", "weight_decay=0.0")),
    ],
    "fit": [
        ("never zeroes the gradients", (ZERO_GRAD, "")),
        ("zeroes the gradients once an epoch", (ZERO_GRAD, ""),
         (TRAIN_MODE, TRAIN_MODE + "        optimizer.zero_grad()\n")),
        ("validates in train mode", (EVAL_MODE, "")),
        ("never goes back to train mode", (TRAIN_MODE, "")),
        ("trains in eval mode", (TRAIN_MODE, EVAL_MODE)),
        ("records gradients in validation", (VALIDATION, "if True:\n            for")),
        ("averages over batches", (WEIGHTED, "total + loss.item(), count + 1")),
        ("keeps the last batch's loss", (WEIGHTED, "loss.item(), 1")),
        ("ends with the last weights", ("copy.deepcopy(model.state_dict())", "model.state_dict()")),
        ("ends with the last weights", ("    model.load_state_dict(best_state)\n", "")),
        ("goes by the training loss", ("score = val_losses[-1]", "score = train_losses[-1]")),
        ("never stops early", ("if bad >= patience", "if False")),
        ("stops one epoch late", ("if bad >= patience", "if bad > patience")),
        ("stops one epoch early", ("if bad >= patience", "if bad >= patience - 1")),
        ("never forgives", ("best_epoch, bad = score, epoch, 0", "best_epoch = score, epoch")),
        ("takes an equal loss for better", ("if score < best", "if score <= best")),
        ("counts epochs from 1", ("in range(epochs)", "in range(1, epochs + 1)")),
        ("never calls on_epoch", ("if on_epoch is not None", "if False")),
        ("swaps prediction and target", ("loss_fn(model(x), y)", "loss_fn(y, model(x))")),
    ],
    "confusion_matrix": [
        ("swaps rows and columns", ("target.long() * num_classes + predicted.long()",
         "predicted.long() * num_classes + target.long()")),
        ("numbers the cells in the labels' type", ("target.long() * num_classes + predicted.long()",
         "target * num_classes + predicted")),
    ],
    "precision": [
        ("gives the recall", ("confusion.sum(0), average)\n\n\ndef recall",
         "confusion.sum(1), average)\n\n\ndef recall")),
        ("leaves 0/0 as NaN", ("whole.clamp(min=1)", "whole")),
    ],
    "recall": [("leaves 0/0 as NaN", ("whole.clamp(min=1)", "whole"))],
    "f1": [("leaves 0/0 as NaN", ("whole.clamp(min=1)", "whole"))],
}  # fmt: skip
CASES = [(name, *mistake) for name, mistakes in MISTAKES.items() for mistake in mistakes]


def verdict(name, changes, seed=0):
    text = SOURCE
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after)
    names = {}
    exec(compile(text, "student", "exec"), names)
    exercise = registry.find(name)
    return judge(exercise, in_this_process(exercise, names[exercise.name], torch.device("cpu")), seed=seed)


@pytest.mark.parametrize("name", MISTAKES)
def test_the_code_without_a_mistake_is_right(name):
    assert verdict(name, ()).status == "right"


@pytest.mark.parametrize("mistake", CASES, ids=lambda mistake: f"{mistake[0]} {mistake[1]}")
def test_a_slip_is_named(mistake):
    name, wanted, *changes = mistake
    for seed in range(2):
        found = verdict(name, changes, seed)
        assert found.status == "not yet"
        assert found.diagnosis is not None, found.first_failing.problem.message
        assert found.diagnosis.name == wanted
