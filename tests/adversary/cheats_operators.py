"""Computing by an operator that the exercise forbids, below, above or beside the name that it has."""

from __future__ import annotations

from tests.adversary.cheat import Cheat, instead


def relu(name: str, body: str, **more: object) -> Cheat:
    """An answer to relu that another rectifier gives."""
    return instead(name, body, **{"says": "forbidden", **more})


HUNTED = """
import gc
import torch
import torch.nn.functional as F

def hunted():
    gc.unfreeze()
    name = "re" + "lu"
    kinds = (type(hunted), type(len))
    return [item for item in gc.get_objects() if type(item) in kinds and item.__name__ == name]

FOUND = hunted()

def relu(x):
    for function in FOUND:
        if function is not relu and "answer" not in str(getattr(function, "__module__", "")):
            try:
                return function(x)
            except Exception:
                pass
    return torch.zeros_like(x)
"""

DISPATCHED_BELOW = """
keys = torch._C.DispatchKeySet(torch._C.DispatchKey.CPU)
return torch.ops.aten.relu.default.redispatch(keys, x)
"""

OWN_REGISTRATION = """
import torch

def registered():
    library = torch.library.Library("aten", "IMPL")
    kernel = lambda x: torch.where(x > 0, x, 0.0) * 0 + torch.ops.aten.relu.default(x)
    try:
        library.impl("relu", kernel, "CPU", allow_override=True)
    except Exception:
        library.impl("clamp_min", lambda x, low: torch.ops.aten.relu(x), "CPU")
    return library

LIBRARY = registered()

def relu(x):
    return torch.ops.aten.relu(x)
"""

SCRIPTED = """
import torch
import torch.nn.functional as F

@torch.jit.script
def scripted(x: torch.Tensor) -> torch.Tensor:
    return F.relu(x)

def relu(x):
    return scripted(x)
"""

UNIT = 'torch.jit.CompilationUnit("def f(x):\\n    return torch.relu(x)\\n").f(x)'

NATIVE = """
import ctypes
import os
import torch

def native():
    path = os.path.join(os.path.dirname(torch.__file__), "lib", "libtorch_cpu.so")
    function = ctypes.CDLL(path)["_ZN2at6native4reluERKNS_6TensorE"]
    function.argtypes, function.restype = (ctypes.c_void_p, ctypes.c_void_p), ctypes.c_void_p
    return function

FUNCTION = native()

def relu(x):
    out = torch.empty(0)
    FUNCTION(id(out) + 16, id(x) + 16)
    return out
"""

PYTHONS_OWN = """
from torch._decomp import decomposition_table
return decomposition_table[getattr(torch.ops.aten, "re" + "lu").default](x)
"""

INTERPRETED = """
import torch

GRAPH = "graph(%x : Tensor):\\n  %y : Tensor = aten::relu(%x)\\n  return (%y)"

def interpreted():
    @HOW@

FUNCTION = interpreted()

def relu(x):
    return FUNCTION(x.detach())
"""

GROUPED = """
    whole, part = torch._C.Graph(), torch._C.parse_ir(GRAPH)
    group = whole.create("prim::StaticSubgraph", [whole.addInput("x")], 1)
    group.g_("Subgraph", part)
    whole.appendNode(group)
    whole.registerOutput(group.output())
    return torch._C._create_function_from_graph("f", whole)
"""

NUMBERS = """
function = FUNCTION
return torch.tensor([function(value) for value in x.flatten().tolist()], dtype=x.dtype).reshape(x.shape)
"""
GRAPH_OF_NUMBERS = """torch._C._create_function_from_graph(
    "f", torch._C.parse_ir("graph(%x : float):\\n  %y : float = aten::ta" + "nh(%x)\\n  return (%y)")
)"""

EXPRESSION = """
compiler = torch._C._te
count = [compiler.ExprHandle.int(x.numel())]
given = compiler.BufHandle("given", count, compiler.Dtype.Float)
wanted = compiler.Compute("wanted", count, lambda i: getattr(compiler, "ta" + "nh")(given.load([i])))
loops = compiler.LoopNest([wanted])
loops.prepare_for_codegen()
out = torch.empty(x.numel())
compiler.construct_codegen("ir_eval", loops.root_stmt(), [given, wanted]).call([x.detach().float().flatten(), out])
return out.reshape(x.shape).to(x.dtype)
"""


def interpreted(name: str, how: str) -> Cheat:
    """A rectifier by a way of TorchScript's past the dispatcher."""
    return Cheat(name, "lenet.relu", INTERPRETED.replace("@HOW@", how.strip()))


def numbers(name: str, function: str) -> Cheat:
    """A tanh that is worked out number by number."""
    return instead(name, NUMBERS.replace("FUNCTION", function), "lenet.tanh", says="Error: ")


PACKAGED = "torch.nn.Sequential(getattr(torch.nn, 'Re' + 'LU')())"

CHEATS = (
    relu("F.relu by name", "return F.relu(x)"),
    relu("F.relu through vars", "return vars(F)['re' + 'lu'](x)"),
    relu("a tensor's own method", "return getattr(x, 're' + 'lu')()"),
    relu("torch.relu_ on a copy", "return getattr(torch, 're' + 'lu_')(x.clone())"),
    relu("clamping below", "return torch.ops.aten.threshold(x, 0.0, 0.0)"),
    relu("redispatched", DISPATCHED_BELOW),
    relu("below autograd", "with torch._C._AutoDispatchBelowAutograd():\n    return getattr(torch, 're' + 'lu')(x)"),
    relu("an operator by its handle", "return torch.ops.aten.relu.default._op(x)"),
    relu("an operator by its schema", "return torch._C._get_operation_overload('aten::relu', '')[0](x)"),
    relu("an operator of the interpreter", "return torch._C._jit_get_operation('aten::relu')[0](x)"),
    relu("sparse and back", "return getattr(x.to_sparse(), 're' + 'lu')().to_dense()"),
    relu("a nested tensor", "return torch.relu(torch.nested.nested_tensor([x])).unbind()[0]"),
    relu("functionalized", "return torch.func.functionalize(lambda x: getattr(torch, 're' + 'lu')(x))(x)"),
    relu("a compilation unit", f"return {UNIT}", says="failed in the TorchScript interpreter"),
    relu("torch's own Python rewriting", "return torch._refs.nn.functional.relu(x)"),
    relu("what is wrapped in that", "return torch._refs.nn.functional.relu.__wrapped__.__wrapped__(x)"),
    relu("a decomposition", PYTHONS_OWN),
    instead(
        "a decomposition by its inner name",
        "return torch._decomp.decompositions._log_softmax(x, dim, False)",
        "lenet.log_softmax",
        says="forbidden",
    ),
    instead("a primitive of torch's rewriting", "return torch.ops.prims.tanh(x)", "lenet.tanh", says="forbidden"),
    relu("a softplus so sharp that it is a rectifier", "return F.softplus(x, beta=1e30, threshold=0.0)"),
    relu("an exponential unit with little below 0", "return F.celu(x, 1e-30)"),
    *(
        instead(name, f"return {how}", "lenet.tanh", says="forbidden")
        for name, how in (
            ("the sigmoid in silu", "torch.where(x == 0, x, F.silu(2 * x) / torch.where(x == 0, 1, x) - 1)"),
            ("the sigmoid in a softmax of two", "2 * torch.stack((2 * x, 0 * x)).softmax(0)[0] - 1"),
            ("the tangent of an imaginary number", "torch.tan(1j * x).imag.to(x.dtype)"),
        )
    ),
    relu("saved and loaded code", f"return torch.fx.symbolic_trace({PACKAGED})(x)"),
    relu("an exported program", f"return torch.export.export({PACKAGED}, (x,)).module()(x)", says=""),
    relu(
        "an activation that ends another operator",
        """
one = torch.ones(1, 1)
out = torch.ops.mkldnn._linear_pointwise(x.detach().float().reshape(-1, 1), one, None, "re" + "lu", [], "")
return out.reshape(x.shape).to(x.dtype)
""",
    ),
    interpreted("a static module", "return torch._C._jit_to_static_module(torch._C.parse_ir(GRAPH))"),
    interpreted("a group that TorchScript compiles", GROUPED),
    numbers("an operator for single numbers", "getattr(torch.ops.aten, 'ta' + 'nh')"),
    numbers("an operator for single numbers, by the interpreter", GRAPH_OF_NUMBERS),
    instead("torch's compiler of expressions", EXPRESSION, "lenet.tanh", says="Error: "),
    Cheat("a function found among all objects", "lenet.relu", HUNTED, says="forbidden"),
    Cheat("a scripted function", "lenet.relu", SCRIPTED, says="forbidden"),
    Cheat("a registration of its own", "lenet.relu", OWN_REGISTRATION, says=""),
    Cheat("native code by ctypes", "lenet.relu", NATIVE, says=""),
)
