"""Convolving by what conv2d forbids: torch's own convolution by many ways, other libraries', and gathered patches."""

from __future__ import annotations

from tests.adversary.cheat import Cheat, instead

ARGUMENTS = "x, weight, bias, stride, padding, dilation, groups"
LISTS = "[stride] * 2, [padding] * 2, [dilation] * 2"
NAMED = "getattr(F, 'con' + 'v2d')"
EACH = f"lambda one: {NAMED}(one[None], weight, bias, stride, padding, dilation, groups)[0]"

TURNED = """
turned = weight.transpose(0, 1).flip(-1, -2)
return torch.ops.aten.conv_transpose2d.input(x, turned, bias, [stride] * 2, [padding] * 2)
"""

WITH_DEPTH = """
strides, margins, steps = (1, stride, stride), (0, padding, padding), (1, dilation, dilation)
flat = getattr(F, "con" + "v3d")(x[:, :, None], weight[:, :, None], bias, strides, margins, steps, groups)
return flat[:, :, 0]
"""

LAYER = """
kind = getattr(torch.nn, "Con" + "v2d")
layer = kind(x.shape[1], len(weight), weight.shape[-2:], stride, padding, dilation, groups)
return layer._conv_forward(x, weight, bias)
"""

GATHERED = """
columns = torch.ops.aten.im2col(x, weight.shape[-2:], [dilation] * 2, [padding] * 2, [stride] * 2)
height = (x.shape[-2] + 2 * padding - dilation * (weight.shape[-2] - 1) - 1) // stride + 1
out = (weight.flatten(1) @ columns).unflatten(-1, (height, -1))
return out if bias is None else out + bias[:, None, None]
"""

PREPACKED = f"""
packed = torch.ops.mkldnn_prepacked.conv2d_prepack(weight, bias, {LISTS}, groups, x.shape, "none")
return torch.ops.mkldnn_prepacked.conv2d_run(x, packed)
"""

BY_INTERPRETER = """
graph = torch._C.parse_ir(
    "graph(%x : Tensor, %w : Tensor, %b : Tensor?, %s : int[], %p : int[], %d : int[], %g : int):\\n"
    "  %y : Tensor = prim::mkldnn_con" + "volution(%x, %w, %b, %s, %p, %d, %g)\\n  return (%y)"
)
image, kernels = (value.detach().float().contiguous().to_mkldnn() for value in (x, weight))
sizes = [stride] * 2, [padding] * 2, [dilation] * 2
bias = None if bias is None else bias.detach().float()
out = torch._C._create_function_from_graph("f", graph)(image, kernels, bias, *sizes, groups)
return out.to_dense().to(x.dtype)
"""

IN_A_THREAD = f"""
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(1) as pool:
    return pool.submit({NAMED}, {ARGUMENTS}).result()
"""

UNWATCHED = f"""
from torch.utils._python_dispatch import _disable_current_modes
from torch._C import DisableTorchFunction
with _disable_current_modes(), DisableTorchFunction():
    return {NAMED}({ARGUMENTS})
"""

WITHOUT_KEYS = f"""
with torch._C._ExcludeDispatchKeyGuard(torch._C.DispatchKeySet(torch._C.DispatchKey.AutogradCPU)):
    return {NAMED}({ARGUMENTS})
"""

TRACED = f"""
from torch.utils._python_dispatch import _disable_current_modes
bias = None if bias is None else bias.detach()
with torch.no_grad(), _disable_current_modes():
    return torch.jit.trace(lambda x, weight: {NAMED}({ARGUMENTS}), (x, weight))(x, weight)
"""

PLANES = """
import numpy
from importlib import import_module
image = torch.nn.functional.pad(x.detach(), (padding,) * 4)
planes = [
    [sum(CORRELATED(plane, tap) for plane, tap in zip(one, kernel)) for kernel in weight.detach().double().numpy()]
    for one in image.double().numpy()
]
out = torch.from_numpy(numpy.stack([numpy.stack(one) for one in planes])).to(x.dtype)
return out if bias is None else out + bias[:, None, None]
"""


def by_planes(correlated: str) -> str:
    """The body of a convolution without stride from one of two planes."""
    return PLANES.replace("CORRELATED", correlated)


WINDOWS = """
import numpy
from importlib import import_module
image = numpy.pad(x.detach().numpy(), ((0, 0), (0, 0), (padding,) * 2, (padding,) * 2))
span = [dilation * (size - 1) + 1 for size in weight.shape[-2:]]
windows = SLID[:, :, ::stride, ::stride, ::dilation, ::dilation]
out = torch.from_numpy(numpy.einsum("ncijkl,ockl->noij", windows, weight.detach().numpy()))
return out if bias is None else out + bias[:, None, None]
"""

NDIMAGE = (
    "(lambda a, b: import_module('scipy.' + 'ndimage').correlate(a, b, mode='constant')"
    "[b.shape[0] // 2 : b.shape[0] // 2 + a.shape[0] - b.shape[0] + 1,"
    " b.shape[1] // 2 : b.shape[1] // 2 + a.shape[1] - b.shape[1] + 1])"
)
SIGNAL = "(lambda a, b: import_module('scipy.' + 'signal').correlate2d(a, b, 'valid'))"
SKIMAGE = "import_module('sk' + 'image.util').view_as_windows(image, (1, 1, *span))[:, :, :, :, 0, 0]"
NUMPY = "getattr(numpy.lib, '_stride_' + 'tricks_impl').sliding_window_view{}(image, span, (2, 3))"

DEFORMED = """
from importlib import import_module
height, width = (
    (side + 2 * padding - dilation * (size - 1) - 1) // stride + 1
    for side, size in zip(x.shape[-2:], weight.shape[-2:])
)
still = torch.zeros(len(x), 2 * weight[0, 0].numel(), height, width, dtype=x.dtype)
return import_module("torch" + "vision.ops").deform_conv2d(x, still, weight, bias, stride, padding, dilation)
"""


def conv(name: str, body: str, says: str = "forbidden") -> Cheat:
    """An answer to conv2d that another convolution gives."""
    return instead(name, body, "lenet.conv2d", says=says)


CHEATS = (
    conv("F.conv2d by name", f"return F.conv2d({ARGUMENTS})"),
    conv("F.conv2d by a built-up name", f"return {NAMED}({ARGUMENTS})"),
    conv("torch.ops", f"return getattr(torch.ops.aten, 'conv' + '2d')(x, weight, bias, {LISTS}, groups)"),
    conv(
        "torch.ops, an overload",
        f"return torch.ops.aten.convolution.default(x, weight, bias, {LISTS}, False, [0, 0], groups)",
    ),
    conv("torch._C._VariableFunctions", f"return getattr(torch._C._VariableFunctions, 'conv2d')({ARGUMENTS})"),
    conv("torch._C._nn", "return torch._C._nn.thnn_conv2d(x, weight, weight.shape[-2:], bias, stride, padding)"),
    conv("torch._VF", f"return getattr(torch._VF, 'conv2d')({ARGUMENTS})"),
    conv(
        "oneDNN",
        "return torch.mkldnn_convolution(x, weight, bias, [padding] * 2, [stride] * 2, [dilation] * 2, groups)",
    ),
    conv("oneDNN with packed weights", PREPACKED),
    conv("oneDNN by TorchScript's interpreter", BY_INTERPRETER, says="Error: "),
    conv("a convolution the other way round", TURNED),
    conv("a convolution in three dimensions", WITH_DEPTH),
    conv("a layer by a built-up name", LAYER),
    conv("gathering patches by im2col", GATHERED),
    conv("vmap", f"return torch.func.vmap({EACH})(x)"),
    conv("functorch below torch.func", f"from torch._functorch.apis import vmap\nreturn vmap({EACH})(x)"),
    conv("in another thread", IN_A_THREAD),
    conv("with the watching modes taken off", UNWATCHED),
    conv("with keys left out", WITHOUT_KEYS),
    conv("with inference mode on", f"with torch.inference_mode():\n    return {NAMED}({ARGUMENTS}).clone()"),
    conv("traced", TRACED),
    conv("compiled", f"return torch.compile(lambda x: {NAMED}({ARGUMENTS}), backend='eager')(x)"),
    conv("scipy.signal by a built-up name", by_planes(SIGNAL), says="Error: "),
    conv("scipy.ndimage by a built-up name", by_planes(NDIMAGE), says="Error: "),
    conv("scikit-image by a built-up name", WINDOWS.replace("SLID", SKIMAGE), says="Error: "),
    conv("torchvision's deformable convolution", DEFORMED, says="Error: "),
    conv("sliding windows of numpy's inner module", WINDOWS.replace("SLID", NUMPY.format(""))),
    conv("sliding windows, below numpy's dispatch", WINDOWS.replace("SLID", NUMPY.format("._implementation"))),
)
