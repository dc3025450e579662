import json
import os
import signal
from dataclasses import dataclass

import pytest

from autograder import calibration, registry
from autograder.calibration import Baseline
from autograder.marks import spec_hash
from autograder.sandbox import protections, stopwatch
from autograder.sandbox.parent import SandboxError
from autograder.slicing import Cell


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(calibration, "cache_folder", lambda: tmp_path / "pixels-to-voxels")
    calibration.known.cache_clear()
    yield
    calibration.known.cache_clear()


@dataclass
class Spent:
    work: float


class Processes:
    """Pretended processes: the first `slow` of them take three times as long."""

    def __init__(self, slow=0):
        self.started = self.ended = 0
        self._slow = slow

    def __call__(self):
        self.started += 1
        self._seconds = 0.03 if self.started <= self._slow else 0.01
        return self

    def timed(self, exercise, case):
        self._seconds *= 0.999
        return Spent(self._seconds)

    def end(self):
        self.ended += 1


RELU = registry.find("lenet.relu")
CONV = registry.find("lenet.conv2d")


def test_nothing_is_expected_before_calibration():
    assert calibration.expected_seconds(RELU.id) is None
    assert not calibration.disturbed(RELU.id, 1e9)


def test_what_was_measured_is_expected_afterwards():
    processes = Processes()
    ((_, found),) = calibration.calibrate([RELU], processes)
    assert processes.started == processes.ended == calibration.FORKS
    assert calibration.expected_seconds(RELU.id) == found.typical == pytest.approx(0.01, rel=0.05)
    assert found.steady
    assert not calibration.disturbed(RELU.id, 0.014)
    assert calibration.disturbed(RELU.id, 0.03)


def test_one_bad_process_of_five_does_not_spoil_it():
    ((_, found),) = calibration.calibrate([RELU], Processes(slow=1))
    assert found.typical < 0.011
    assert found.steady


def test_a_busy_machine_is_noticed():
    ((_, found),) = calibration.calibrate([RELU], Processes(slow=3))
    assert not found.steady


def test_calibrating_one_exercise_keeps_the_others():
    list(calibration.calibrate([RELU], Processes()))
    list(calibration.calibrate([CONV], Processes()))
    assert set(calibration.known()) == {RELU.id, CONV.id}


def test_a_changed_check_is_not_calibrated():
    calibration.store({RELU.id: Baseline(0.01, 0.01, spec="another")})
    assert calibration.expected_seconds(RELU.id) is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"baselines": {"lenet.relu": {}}}', '{"baselines": {"a": 3}}'])
def test_a_file_that_cannot_be_read_counts_as_none(content):
    path = calibration.store({})
    path.write_text(content)
    calibration.known.cache_clear()
    assert calibration.known() == {}


def test_the_file_names_processor_and_torch_and_no_machine():
    path = calibration.store({RELU.id: Baseline(0.01, 0.02, spec="x")})
    assert "torch" in path.name
    assert "/" not in path.name
    assert json.loads(path.read_text())["baselines"][RELU.id]["typical"] == 0.02


def test_all_timed_exercises_can_be_calibrated():
    found = calibration.timed_exercises("lenet")
    assert found
    assert all(item.speed is not None for item in found)
    assert {item.id for item in found} <= {item.id for item in calibration.timed_exercises()}


ANSWER = [Cell("cell 1", "def relu(x):\n    return x.clamp(min=0)\n")]


in_the_sandbox = pytest.mark.skipif(bool(protections.missing()), reason="speed is judged from outside there only")


@in_the_sandbox
def test_where_the_process_for_baselines_was_killed_another_takes_its_place():
    os.kill(stopwatch.sibling()._process, signal.SIGKILL)
    with pytest.raises(SandboxError, match="baselines"):
        stopwatch.speed_of(RELU, ANSWER, seed=1)
    assert stopwatch.speed_of(RELU, ANSWER, seed=1).status == "within"


@in_the_sandbox
@pytest.mark.parametrize(("typical", "replaced"), [(1e-9, True), (1e9, False)])
def test_a_baseline_that_misses_its_time_is_measured_again_by_another_process(typical, replaced):
    before = stopwatch.sibling()
    calibration.store({RELU.id: Baseline(typical, typical, spec_hash(RELU.id))})
    found = stopwatch.speed_of(RELU, ANSWER, seed=1)
    assert found.status == "within"
    assert (stopwatch.sibling() is not before) == replaced
