"""`p2v bench peers`: pairs that give the same, verdicts that follow from the numbers, and an exit status that tells."""

import json
import subprocess
from dataclasses import asdict, replace

import pytest
import torch
from rich.console import Console
from torch import nn

from autograder.bench import peers
from autograder.bench.pair import Pair
from autograder.bench.pairs import pairs
from autograder.bench.peers import ALLOCATORS, EQUAL, Compared
from p2v_data import UserError

KNOWN = list(pairs())
LARGE = [pair for pair in KNOWN if pair.name.startswith(("ResNet", "ViT", "hausdorff_dt_loss"))]
FOUND = Compared("a norm", "torch's", "kept", 1.0, 1.02, 0.98, 1.05, 1.03, 2.0, 1.96, 1e-6)


def named(name):
    return next(pair for pair in KNOWN if pair.name == name)


@pytest.mark.parametrize("pair", [pair for pair in KNOWN if pair not in LARGE], ids=lambda pair: pair.name)
def test_both_give_the_same(pair):
    if pair.peer.startswith("timm"):
        pytest.importorskip("timm")
    ours, theirs, inputs = pair.made()
    assert peers.difference(ours, theirs, inputs, backward=pair.backward) < EQUAL


@pytest.mark.slow
@pytest.mark.parametrize("pair", LARGE, ids=lambda pair: pair.name)
def test_whole_networks_give_the_same(pair):
    if pair.peer.startswith("timm"):
        pytest.importorskip("timm")
    ours, theirs, inputs = pair.made()
    assert peers.difference(ours, theirs, inputs, backward=pair.backward) < EQUAL


def test_names_are_there_once_and_the_folded_networks_have_their_aims():
    names = [pair.name for pair in KNOWN]
    assert len(names) == len(set(names))
    assert named("ResNet-18, folded").wanted == 1.3
    assert named("ResNet-50, folded").wanted == 1.15


def test_comparing_leaves_a_norms_memory_as_it_was():
    ours, theirs, inputs = named("BatchNorm2d, 8 × 64 × 56 × 56, training").made()
    before = ours.running_mean.clone()
    peers.difference(ours, theirs, inputs, backward=True)
    assert torch.equal(ours.running_mean, before)


def test_a_wrong_gradient_is_a_difference():
    class Cut(nn.Module):
        def forward(self, x):
            return x.detach() + 0 * x

    x = torch.randn(3, 4)
    assert peers.difference(Cut(), nn.Identity(), (x,), backward=False) == 0
    assert peers.difference(Cut(), nn.Identity(), (x,), backward=True) == 1


def test_what_differs_is_not_timed():
    found = peers.compared(Pair("half", "whole", lambda: (lambda x: x / 2, lambda x: x, (torch.ones(3),))), "kept")
    assert found.verdict == "differs"
    assert found.differ == 0.5
    assert found.ratio != found.ratio


def test_a_slow_answer_is_told():
    def slow(x):
        for _ in range(20):
            x.sin()
        return x.sin()

    found = peers.compared(Pair("slow", "quick", lambda: (slow, torch.sin, (torch.ones(20000),))), "kept")
    assert found.ratio > 5
    assert found.low <= found.ratio <= found.high
    assert found.noise >= 1
    assert found.verdict == "missed"


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "reached"),
        ({"low": 1.031}, "missed"),
        ({"low": 1.2, "noise": 1.25}, "reached"),
        ({"wanted": 1.3}, "missed"),
        ({"wanted": 1.3, "ratio": 0.76}, "reached"),
        ({"wanted": 1.3, "ratio": 0.78, "noise": 9.0}, "missed"),
        ({"wanted": None, "low": 7.0}, "–"),
        ({"wanted": None, "differ": 0.1}, "differs"),
        ({"differ": float("nan")}, "differs"),
    ],
)
def test_verdicts(changes, verdict):
    found = replace(FOUND, **changes)
    assert found.verdict == verdict
    assert found.reached == (verdict in ("reached", "–"))


def test_words_choose_by_name_in_any_case():
    assert {pair.name.partition(",")[0] for pair in peers.chosen(["batchnorm", "CBAM"])} == {"BatchNorm2d", "CBAM"}
    assert len(peers.chosen([])) == len(KNOWN)
    with pytest.raises(UserError, match=r"no reference is called 'transformer'\. There are ResNet-18, ResNet-50"):
        peers.chosen(["transformer"])


@pytest.fixture
def measured(monkeypatch):
    """What each allocator's process says: rows."""
    rows = {name: [replace(FOUND, allocator=name)] for name in ALLOCATORS}

    def run(command, **_):
        said = "".join(json.dumps(asdict(row)) + "\n" for row in rows[command[3]])
        return subprocess.CompletedProcess(command, 0, said)

    monkeypatch.setattr(peers.subprocess, "run", run)
    return rows


def test_json_holds_both_allocators(measured, capsys):
    assert peers.main(["norm"], as_json=True) == 0
    said = json.loads(capsys.readouterr().out)
    assert [row["allocator"] for row in said["peers"]] == list(ALLOCATORS)
    assert {row["verdict"] for row in said["peers"]} == {"reached"}


def test_one_missed_aim_is_the_exit_status(measured, capsys):
    measured["kept"].append(replace(FOUND, name="another", low=1.5))
    assert peers.main([], as_json=False) == 1
    assert "missed" in capsys.readouterr().out


def test_what_was_not_timed_is_null(measured, capsys):
    measured["kept"].append(replace(FOUND, name="another", ratio=float("nan"), differ=0.5))
    assert peers.main([], as_json=True) == 1
    assert json.loads(capsys.readouterr().out)["peers"][-1]["ratio"] is None


def test_a_process_that_ends_early_is_told(monkeypatch):
    monkeypatch.setattr(peers.subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 1, ""))
    with pytest.raises(UserError, match="ended early"):
        peers.main([], as_json=True)


def test_the_table_has_room_for_names():
    console = Console(width=peers.WIDTH)
    with console.capture() as said:
        console.print(peers.table([replace(FOUND, name=pair.name, peer=pair.peer) for pair in KNOWN]))
    assert all(pair.name in said.get() for pair in KNOWN)
