"""Gradients by the machine, backwards or forwards, where they are asked for by hand."""

from __future__ import annotations

from tests.adversary.cheat import Cheat

BY_GRADIENT_GRAPH = """
import torch

def activation_backward(grad_out, x, kind, negative_slope=0.01):
    leaf = x.clone()
    leaf.requires_grad = True
    with torch.enable_grad():
        if kind == "tanh":
            e = torch.exp(2 * leaf.clamp(-15, 15))
            y = (e - 1) / (e + 1)
        else:
            y = torch.where(leaf > 0, leaf, leaf * (0.0 if kind == "relu" else negative_slope))
    @HOW@
"""


def graph(name: str, how: str, **more: object) -> Cheat:
    """Gradients by the machine where they are asked for by hand."""
    source = BY_GRADIENT_GRAPH.replace("@HOW@", how)
    return Cheat(name, "lenet.activation_backward", source, **more)  # type: ignore[arg-type]


CHEATS = (
    graph("autograd by a built-up name", "return getattr(torch, 'auto' + 'grad').grad(y, leaf, grad_out)[0]"),
    graph("a tensor's backward", "getattr(y, 'back' + 'ward')(grad_out)\n    return leaf.grad"),
    graph(
        "the engine itself",
        "return torch._C._ImperativeEngine().run_backward((y,), (grad_out,), False, False, (leaf,), True, False)[0]",
    ),
    graph(
        "TorchScript's own gradient",
        """
    kinds = "y: List[Tensor], x: List[Tensor], g: List[Optional[Tensor]]"
    unit = torch.jit.CompilationUnit(f"def f({kinds}):\\n    return torch.autograd.grad(y, x, g)\\n")
    return unit.f([y], [leaf], [grad_out])[0]
""",
    ),
    graph(
        "the graph walked by hand",
        """
    def walk(node, gradient):
        if node is None:
            return 0
        if type(node).__name__ == "AccumulateGrad":
            return gradient
        found = node(gradient)
        found = found if isinstance(found, tuple) else (found,)
        return sum(walk(child, part) for (child, _), part in zip(node.next_functions, found) if part is not None)
    return walk(y.grad_fn, grad_out)
""",
    ),
    graph(
        "dual numbers",
        """
    forward = getattr(torch, "auto" + "grad").forward_ad
    with forward.dual_level():
        dual = forward.make_dual(x, grad_out)
        if kind == "tanh":
            e = torch.exp(2 * dual.clamp(-15, 15))
            out = (e - 1) / (e + 1)
        else:
            out = torch.where(dual > 0, dual, dual * (0.0 if kind == "relu" else negative_slope))
        return forward.unpack_dual(out).tangent
""",
    ),
    graph(
        "functorch's gradient",
        """
    from functorch import vjp
    def f(leaf):
        if kind == "tanh":
            e = torch.exp(2 * leaf.clamp(-15, 15))
            return (e - 1) / (e + 1)
        return torch.where(leaf > 0, leaf, leaf * (0.0 if kind == "relu" else negative_slope))
    return vjp(f, x)[1](grad_out)[0]
""",
    ),
    graph(
        "functorch's dual numbers",
        """
    from torch._functorch.eager_transforms import jvp
    def f(leaf):
        if kind == "tanh":
            e = torch.exp(2 * leaf.clamp(-15, 15))
            return (e - 1) / (e + 1)
        return torch.where(leaf > 0, leaf, leaf * (0.0 if kind == "relu" else negative_slope))
    return jvp(f, (x,), (grad_out,))[1]
""",
    ),
)
