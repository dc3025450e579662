"""Carries out a case's program on an answer: the one driver, for the kernel, the worker and the oracle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from autograder import failures, probes
from autograder.binding import Unfit, bind
from autograder.parameters import misfit
from autograder.spec import Case, Failure, Opaque, Outputs, Probe, Ref, Stage, Step, Trace, Value

Guard = Callable[[], AbstractContextManager[Any]]


def run_case(
    case: Case,
    subject: Callable[..., Any],
    *,
    device: torch.device | None = None,
    guard: Guard = nullcontext,
    stages: bool = False,
) -> Trace:
    """Runs `case` on `subject` and returns plain outputs, or the failure.

    guard: entered around each call into the subject, never around the driver's own work.
    stages: also records what goes into and out of every named submodule.
    Raises what is not an Exception (interrupts, `TimeLimit`); everything else becomes a failure.
    """
    return Prepared(case, subject, device=device, guard=guard, stages=stages).carry_out()


class Prepared:
    """A case whose inputs lie ready, so that `carry_out` takes the time of the program alone."""

    def __init__(
        self,
        case: Case,
        subject: Callable[..., Any],
        *,
        device: torch.device | None = None,
        guard: Guard = nullcontext,
        stages: bool = False,
    ) -> None:
        self._case = case
        self._run = _Run(case, subject, device or torch.device("cpu"), guard, stages)
        self._failure: Failure | None = None

    def carry_out(self) -> Trace:
        """Runs the case; as `run_case`."""
        self.go()
        return self.trace()

    def go(self) -> None:
        """Runs the case's program; how it went is kept for `trace`."""
        seeds = any(item.verb == "seed" for item in self._case.steps)
        try:
            with torch.random.fork_rng(enabled=seeds):  # so that a check leaves the caller's generator as it was
                for item in self._case.steps:
                    self._run.do(item)
        except _Refused as refused:
            self._failure = refused.failure
        except Unfit as unfit:
            self._failure = Failure("signature", str(unfit))
        except (Exception, SystemExit, failures.ForbiddenCall) as error:
            self._failure = failures.of_exception(error)

    def trace(self) -> Trace:
        """What came of it."""
        return self._run.trace(self._failure)


class _Refused(Exception):
    """The program can't go on, for a reason that is already in words."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class _Run:
    def __init__(
        self, case: Case, subject: Callable[..., Any], device: torch.device, guard: Guard, stages: bool
    ) -> None:
        self._device = device
        self._guard = guard
        self._subject = subject
        self._inputs = {name: _place(value, device) for name, value in case.inputs.items()}
        self._moving = {name for item in case.steps if item.verb == "step" for name in item.kwargs}
        differentiated = {name for item in case.steps if item.verb == "backward" for name in item.args}
        for name in differentiated | self._moving:
            if isinstance(self._inputs.get(name), Tensor):
                self._inputs[name].requires_grad_()
        self._before = {name: value.detach().clone() for name, value in self._tensors()}
        self._handles: dict[str, Any] = {"subject": subject, **self._inputs}
        for name, value in self._inputs.items():
            if isinstance(value, Probe):  # made once; later inputs and steps refer to it by name
                self._handles[name] = self._resolve(value)
        self._models = {item.target for item in case.steps if item.verb in ("load", "mode")}
        self._names: dict[str, dict[str, str]] = {}  # module handle -> weight's name in the case -> in the module
        self._outputs: Outputs = {}
        self._aliases: list[tuple[str, str]] = []
        self._misplaced: list[tuple[str, str]] = []
        self._stages: list[Stage] | None = [] if stages else None

    def do(self, item: Step) -> None:
        getattr(self, f"_do_{item.verb}")(item)

    def trace(self, failure: Failure | None) -> Trace:
        changed = tuple(
            name
            for name, value in self._tensors()
            if name not in self._moving and not _identical(self._before[name], value)
        )
        return Trace(
            outputs=self._outputs,
            failure=failure,
            changed=changed,
            aliases=tuple(self._aliases),
            misplaced=tuple(self._misplaced),
            stages=tuple(self._stages or ()),
        )

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        for name, value in self._inputs.items():
            if isinstance(value, Tensor):
                yield name, value

    def _resolve(self, value: Value) -> Any:
        if isinstance(value, Ref):
            return self._handles[value.name]
        if isinstance(value, Probe):
            return probes.make(value, self._resolve)
        if isinstance(value, tuple | list):
            return type(value)(self._resolve(item) for item in value)
        if isinstance(value, dict):
            return {key: self._resolve(item) for key, item in value.items()}
        return _place(value, self._device)

    def _invoke(self, item: Step) -> Any:
        target = self._handles[item.target]
        function = getattr(target, item.method) if item.method else target
        args = tuple(self._resolve(value) for value in item.args)
        kwargs = {key: self._resolve(value) for key, value in item.kwargs.items()}
        if target is self._subject and not item.method:
            args, kwargs = bind(function, args, kwargs)
        with self._guard():
            return function(*args, **kwargs)

    def _do_new(self, item: Step) -> None:
        made = self._invoke(item)
        self._hold(item.out, made)
        if isinstance(made, nn.Module):
            made.to(self._device)
            if self._stages is not None:
                _record(made, self._stages)

    def _do_call(self, item: Step) -> None:
        if self._stages is not None:
            self._stages.clear()  # the last call's stages are the ones compared
        result = self._invoke(item)
        self._hold(item.out, result)
        self._keep(item.out, result)

    def _hold(self, out: str, made: Any) -> None:
        """Makes `made` the handle `out`; refuses it where later steps need a model."""
        if out in self._models:
            _demand_model(made)
        self._handles[out] = made

    def _keep(self, out: str, result: Any) -> None:
        """Makes `result` the output `out`, and notes where it lies."""
        self._outputs[out] = plain(result)
        given = any(True for _ in self._tensors())  # where no tensor goes in, none tells the answer its device
        for tensor in _tensors_in(result):
            if given and tensor.device.type != self._device.type:
                self._misplaced.append((out, str(tensor.device)))
            for name, value in self._tensors():
                if name not in self._moving and _share_memory(tensor, value):
                    self._aliases.append((out, name))

    def _do_load(self, item: Step) -> None:
        self._names[item.target] = _load(self._handles[item.target], item.kwargs, self._device)

    def _do_mode(self, item: Step) -> None:
        self._handles[item.target].train(item.args[0] == "train")

    def _do_backward(self, item: Step) -> None:
        output = self._handles[item.target]
        places = [(f"gradient of {name}", tensor) for name in item.args for name, tensor in self._leaves(name)]
        found: Sequence[Tensor | None] = [None] * len(places)
        if isinstance(output, Tensor) and output.requires_grad:
            tensors = [tensor for _, tensor in places]
            with self._guard():
                found = torch.autograd.grad(output, tensors, _weights_like(output), allow_unused=True)
        for (name, _), gradient in zip(places, found, strict=True):
            self._outputs[name] = plain(gradient)

    def _leaves(self, name: str) -> list[tuple[str, Tensor]]:
        handle = self._handles[name]
        if isinstance(handle, nn.Module):
            own = dict(handle.named_parameters())
            names = self._names.get(name) or {key: key for key in own}
            return [(f"{name}.{key}", own[mine]) for key, mine in names.items() if mine in own]
        return [(name, handle)]

    def _do_state(self, item: Step) -> None:
        handle = self._handles[item.target]
        if isinstance(handle, nn.Module):
            own = handle.state_dict()
            names = self._names.get(item.target) or {key: key for key in own}
            self._outputs[item.out] = {key: plain(own[mine]) for key, mine in names.items()}
        else:
            self._outputs[item.out] = plain(handle)

    def _do_iterate(self, item: Step) -> None:
        with self._guard():
            items = list(islice(iter(self._handles[item.target]), item.args[0]))
        self._handles[item.out] = items
        self._keep(item.out, items)

    def _do_step(self, item: Step) -> None:
        for name, gradient in item.kwargs.items():
            self._handles[name].grad = self._resolve(gradient)
        with self._guard():
            self._handles[item.target].step()

    def _do_seed(self, item: Step) -> None:
        torch.manual_seed(item.args[0])

    def _do_draw(self, item: Step) -> None:
        self._outputs[item.out] = float(torch.rand(()))


def plain(value: Any) -> Value:
    """`value` with tensors detached, on the CPU and copied; what is not plain becomes `Opaque`."""
    if type(value) in (Tensor, nn.Parameter):
        return value.detach().to("cpu", copy=True).contiguous()
    if isinstance(value, np.generic):  # a number of NumPy's
        value = value.item()
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, tuple | list):
        return [plain(item) for item in value] if isinstance(value, list) else tuple(plain(item) for item in value)
    if isinstance(value, dict) and all(type(key) is str for key in value):
        return {key: plain(item) for key, item in value.items()}
    return Opaque(type(value).__name__)


def _place(value: Value, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.detach().to(device, copy=True)  # keeps the strides
    if isinstance(value, tuple | list):
        return type(value)(_place(item, device) for item in value)
    if isinstance(value, dict):
        return {key: _place(item, device) for key, item in value.items()}
    return value


def made_inputs(case: Case, device: torch.device) -> dict[str, Any]:
    """A case's inputs as an answer gets them: tensors copied to the device, probes made."""
    run = _Run(case, nullcontext, device, nullcontext, stages=False)
    return {name: run._handles[name] for name in case.inputs}


def _demand_model(made: Any) -> None:
    if isinstance(made, nn.Module):
        return
    got = type(made).__name__
    if made is None:
        got = "None: is the return missing?"
    elif isinstance(made, type):
        got = f"a class, {made.__name__}: return an instance, not the class"
    elif isinstance(made, tuple | list):
        got += ": return it alone"
    raise _Refused(Failure("output", f"expected a torch.nn.Module, got {got}"))


def _load(module: nn.Module, weights: Mapping[str, Value], device: torch.device) -> dict[str, str]:
    own = module.state_dict()
    if all(name in own and own[name].shape == value.shape for name, value in weights.items()):
        more = _parameters_beyond(module, weights)
        if more:  # buffers beyond the weights are the answer's own business, so the table leaves them out
            beside = {name: value for name, value in own.items() if name in weights or name in more}
            raise _Refused(Failure("output", misfit(weights, beside, module)))
        names = {name: name for name in weights}
    else:
        names = dict(zip(weights, own, strict=False))
        shapes = [tuple(value.shape) for value in weights.values()]
        if shapes != [tuple(value.shape) for value in own.values()]:
            raise _Refused(Failure("output", misfit(weights, own, module)))
    dtype = next((value.dtype for value in weights.values() if value.is_floating_point()), None)
    module.to(device=device, dtype=dtype)
    own = module.state_dict()
    with torch.no_grad():
        for name, mine in names.items():
            own[mine].copy_(weights[name])
    return names


def _parameters_beyond(module: nn.Module, weights: Mapping[str, Value]) -> set[str]:
    """Names of the parameters that are none of the weights under any name of theirs."""
    every = list(module.named_parameters(remove_duplicate=False))
    known = {id(parameter) for name, parameter in every if name in weights}
    return {name for name, parameter in every if id(parameter) not in known}


def _weights_like(output: Tensor) -> Tensor:
    """A fixed, uneven weighting of the output's values, the same for every answer of this shape."""
    pattern = torch.cos(0.7 * torch.arange(output.numel(), dtype=torch.float64) + 0.3)
    return pattern.reshape(output.shape).to(output)


def _tensors_in(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _tensors_in(item)
    elif isinstance(value, dict):
        yield from _tensors_in(list(value.values()))


def _share_memory(one: Tensor, other: Tensor) -> bool:
    if one.numel() == 0 or other.numel() == 0 or one.device != other.device:
        return False
    return one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()


def _identical(one: Tensor, other: Tensor) -> bool:
    if one.dtype.is_floating_point:
        return bool(torch.equal(one.nan_to_num(nan=0.5), other.detach().nan_to_num(nan=0.5)))
    return bool(torch.equal(one, other))


def _record(module: nn.Module, stages: list[Stage]) -> None:
    for name, part in module.named_modules():
        if name:
            part.register_forward_hook(_hook(name, stages))


def _hook(name: str, stages: list[Stage]) -> Callable[[nn.Module, tuple[Any, ...], Any], None]:
    def keep(_: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        stages.append(Stage(name, {"input": plain(inputs)}, {"output": plain(output)}))

    return keep


@contextmanager
def exact_arithmetic() -> Iterator[None]:
    """Switches off TF32, which would make float32 on a GPU less exact than the tolerance."""
    matmul, convolution = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = matmul, convolution
