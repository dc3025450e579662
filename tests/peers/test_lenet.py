"""LeNet's layers and net against torch and torchvision, values and gradients."""

from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import solutions.lenet as ours
from tests.peers.comparing import BOTH, close, normal, same

# --- layers ----------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("shape", [(2, 3, 5, 7), (1, 1, 4, 4), (0, 2, 5, 6)])
@pytest.mark.parametrize("padding", [(0, 0, 0, 0), (1, 2, 3, 0), (0, 3, 1, 2)])
@pytest.mark.parametrize(("mode", "value"), [("constant", 0.0), ("constant", -2.5), ("reflect", 0.0)])
def test_pad2d(shape, padding, mode, value, dtype):
    if mode == "reflect" and not shape[0]:
        assert ours.pad2d(torch.zeros(shape), padding, mode).shape == F.pad(torch.zeros(shape), padding).shape
        return
    same(
        lambda x: ours.pad2d(x, padding, mode, value),
        lambda x: F.pad(x, padding, mode, value),
        normal(*shape, dtype=dtype),
    )


@pytest.mark.parametrize(
    ("padding", "mode", "said"),
    [
        ((0, 0, 0, 0), "replicate", "mode"),
        ((-1, 0, 0, 0), "constant", "negative"),
        ((0, 4, 0, 0), "reflect", "narrower"),
    ],
)
def test_pad2d_refuses(padding, mode, said):
    with pytest.raises(ValueError, match=said):
        ours.pad2d(torch.zeros(1, 1, 4, 4), padding, mode)


@BOTH
@pytest.mark.parametrize(("stride", "dilation"), list(product([1, 2, 3], [1, 2])))
@pytest.mark.parametrize("kernel", [(1, 1), (3, 2), (2, 4)])
def test_unfold2d(kernel, stride, dilation, dtype):
    same(
        lambda x: ours.unfold2d(x, kernel, stride, dilation),
        lambda x: F.unfold(x, kernel, dilation=dilation, stride=stride),
        normal(2, 3, 8, 9, dtype=dtype).transpose(2, 3),
    )


@BOTH
@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "groups"), list(product([1, 2, 3], [0, 2], [1, 2], [1, 2, 4]))
)
def test_conv2d(stride, padding, dilation, groups, dtype):
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    x, weight, bias = (
        normal(2, 4, 9, 8, dtype=dtype),
        normal(8, 4 // groups, 3, 2, seed=1, dtype=dtype),
        normal(8, seed=2, dtype=dtype),
    )
    same(lambda *a: ours.conv2d(*a, **options), lambda *a: F.conv2d(*a, **options), x, weight, bias)
    same(lambda *a: ours.conv2d(*a, None, **options), lambda *a: F.conv2d(*a, None, **options), x, weight)


@pytest.mark.parametrize("shape", [(0, 3, 6, 6), (1, 3, 3, 3), (5, 3, 3, 20)])
def test_conv2d_shapes(shape):
    same(ours.conv2d, F.conv2d, normal(*shape), normal(4, 3, 3, 3))


@pytest.mark.parametrize(
    ("x", "weight", "options"),
    [((1, 4, 5, 5), (2, 3, 3, 3), {}), ((1, 4, 5, 5), (3, 2, 3, 3), {"groups": 2}), ((1, 1, 2, 9), (1, 1, 3, 3), {})],
)
def test_conv2d_refuses(x, weight, options):
    with pytest.raises(ValueError, match="kernel"):
        ours.conv2d(torch.zeros(x), torch.zeros(weight), **options)


@BOTH
@pytest.mark.parametrize(("stride", "padding", "kernel"), list(product([1, 2, 3], [0, 1, 2], [(1, 1), (3, 2), (2, 3)])))
def test_conv2d_backward(stride, padding, kernel, dtype):
    x = normal(2, 3, 7, 8, dtype=dtype).requires_grad_()
    weight = normal(4, 3, *kernel, seed=1, dtype=dtype).requires_grad_()
    bias = torch.zeros(4, dtype=dtype, requires_grad=True)
    out = F.conv2d(x, weight, bias, stride, padding)
    back = normal(*out.shape, seed=2, dtype=dtype)
    wanted = torch.autograd.grad(out, (x, weight, bias), back)
    for a, b in zip(ours.conv2d_backward(back, x.detach(), weight.detach(), stride, padding), wanted, strict=True):
        close(a, b)


POOLS = pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(2, None, 0), (3, 2, 1), (3, 1, 0), (2, 3, 1), (1, 2, 0)]
)


def pool_inputs(dtype):
    """Distinct numbers, and rectified ones with many ties."""
    return normal(2, 3, 9, 8, dtype=dtype), F.relu(normal(2, 3, 9, 8, seed=1, dtype=dtype)).round()


@BOTH
@POOLS
def test_max_pool2d_and_its_gradient(kernel, stride, padding, dtype):
    for x in pool_inputs(dtype):
        same(
            lambda x: ours.max_pool2d(x, kernel, stride, padding), lambda x: F.max_pool2d(x, kernel, stride, padding), x
        )
        leaf = x.clone().requires_grad_()
        out = F.max_pool2d(leaf, kernel, stride, padding)
        back = normal(*out.shape, seed=2, dtype=dtype)
        close(ours.max_pool2d_backward(back, x, kernel, stride, padding), torch.autograd.grad(out, leaf, back)[0])


@BOTH
@POOLS
@pytest.mark.parametrize("counted", [False, True])
def test_avg_pool2d(kernel, stride, padding, counted, dtype):
    same(
        lambda x: ours.avg_pool2d(x, kernel, stride, padding, counted),
        lambda x: F.avg_pool2d(x, kernel, stride, padding, count_include_pad=counted),
        pool_inputs(dtype)[0],
    )


@pytest.mark.parametrize("pool", [ours.max_pool2d, ours.avg_pool2d])
def test_pools_refuse(pool):
    with pytest.raises(ValueError, match="half the kernel"):
        pool(torch.zeros(1, 1, 8, 8), 3, padding=2)
    with pytest.raises(ValueError, match="spans 5"):
        pool(torch.zeros(1, 1, 4, 8), 5)


@BOTH
@pytest.mark.parametrize("lead", [(), (4,), (0,), (2, 3)])
def test_linear(lead, dtype):
    x, weight, bias = normal(*lead, 5, dtype=dtype), normal(7, 5, seed=1, dtype=dtype), normal(7, seed=2, dtype=dtype)
    same(ours.linear, F.linear, x, weight, bias)
    same(ours.linear, F.linear, x, weight)


@BOTH
def test_linear_backward(dtype):
    leaves = [normal(*shape, dtype=dtype).requires_grad_() for shape in ((4, 5), (7, 5), (7,))]
    back = normal(4, 7, seed=1, dtype=dtype)
    wanted = torch.autograd.grad(F.linear(*leaves), leaves, back)
    for a, b in zip(ours.linear_backward(back, leaves[0].detach(), leaves[1].detach()), wanted, strict=True):
        close(a, b)


# --- activations -----------------------------------------------------------------------------------------------------

ACTIVATIONS = {
    "relu": (ours.relu, F.relu),
    "leaky_relu": (lambda x: ours.leaky_relu(x, 0.2), lambda x: F.leaky_relu(x, 0.2)),
    "tanh": (ours.tanh, torch.tanh),
}


@BOTH
@pytest.mark.parametrize("kind", ACTIVATIONS)
def test_activations(kind, dtype):
    x = torch.cat(
        [3 * normal(50, dtype=dtype), torch.tensor([0.0, -0.0, 100, -100, 1e-6, -1e-6, 700, 19.5], dtype=dtype)]
    )
    mine, peer = ACTIVATIONS[kind]
    same(mine, peer, x)
    leaf, back = x.clone().requires_grad_(), normal(len(x), seed=1, dtype=dtype)
    close(ours.activation_backward(back, x, kind, 0.2), torch.autograd.grad(peer(leaf), leaf, back)[0])
    nan = torch.tensor([torch.nan], dtype=dtype)
    assert mine(nan).isnan()


def test_tanh_keeps_small_numbers_exact():
    x = torch.logspace(-12, 0, 30)
    torch.testing.assert_close(ours.tanh(x), torch.tanh(x), rtol=1e-6, atol=0)


def test_rectifiers_at_infinity():
    x = torch.tensor([-torch.inf, torch.inf])
    assert torch.equal(ours.relu(x), F.relu(x))
    assert torch.equal(ours.leaky_relu(x), F.leaky_relu(x))


def test_activation_backward_refuses():
    with pytest.raises(ValueError, match="kind"):
        ours.activation_backward(torch.zeros(1), torch.zeros(1), "gelu")


@pytest.mark.parametrize("shape", [(5, 6), (4, 6, 3), (2, 6, 3, 4), (0, 6, 2, 2)])
def test_dead_units(shape):
    x = normal(*shape) - 1.5
    x[:, :2] = -1.0
    wanted = sum(not (x[:, c] > 0).any() for c in range(6))
    assert ours.dead_units(x) == wanted >= 2


# --- the net ---------------------------------------------------------------------------------------------------------


def torch_lenet(in_channels=1, num_classes=10):
    net = nn.Sequential()
    for name, layer in (
        ("conv1", nn.Conv2d(in_channels, 6, 5, padding=2)), ("relu1", nn.ReLU()), ("pool1", nn.MaxPool2d(2)),
        ("conv2", nn.Conv2d(6, 16, 5)), ("relu2", nn.ReLU()), ("pool2", nn.MaxPool2d(2)), ("flatten", nn.Flatten()),
        ("fc1", nn.Linear(400, 120)), ("relu3", nn.ReLU()), ("fc2", nn.Linear(120, 84)), ("relu4", nn.ReLU()),
        ("fc3", nn.Linear(84, num_classes)),
    ):  # fmt: skip
        net.add_module(name, layer)
    return net


@BOTH
@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("sizes", [(1, 10), (3, 4)])
def test_lenet5(sizes, train, dtype):
    peer = torch_lenet(*sizes).to(dtype).train(train)
    mine = ours.LeNet5(*sizes).to(dtype).train(train)
    mine.load_state_dict(peer.state_dict())
    assert list(mine.state_dict()) == list(peer.state_dict())
    x = normal(3, sizes[0], 28, 28, dtype=dtype)
    same(mine, peer, x)
    back = normal(3, sizes[1], seed=1, dtype=dtype)
    grads = [torch.autograd.grad(net(x), tuple(net.parameters()), back) for net in (mine, peer)]
    for a, b in zip(*grads, strict=True):
        close(a, b)


def test_modules_start_like_torchs():
    for mine, peer in (
        (lambda: ours.Conv2d(3, 4, 5), lambda: nn.Conv2d(3, 4, 5)),
        (lambda: ours.Linear(6, 7), lambda: nn.Linear(6, 7)),
        (ours.LeNet5, torch_lenet),
    ):
        states = []
        for build in (mine, peer):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                states.append(build().state_dict())
        for a, b in zip(*(state.values() for state in states), strict=True):
            torch.testing.assert_close(a, b)


@pytest.mark.parametrize("options", [{}, {"stride": 2}, {"padding": 1}])
def test_modules_pass_their_options_on(options):
    x = normal(2, 3, 9, 9, dtype=torch.float32)
    mine, peer = ours.Conv2d(3, 4, 3, **options), nn.Conv2d(3, 4, 3, **options)
    peer.load_state_dict(mine.state_dict())
    close(mine(x).detach(), peer(x).detach())
    close(ours.MaxPool2d(3, **options)(x), nn.MaxPool2d(3, **options)(x))


ALEXNET = [
    ("conv", 64, 11, 4, 2), ("relu",), ("pool", 3, 2), ("conv", 192, 5, 1, 2), ("relu",), ("pool", 3, 2),
    ("conv", 384, 3, 1, 1), ("relu",), ("conv", 256, 3, 1, 1), ("relu",), ("conv", 256, 3, 1, 1), ("relu",),
    ("pool", 3, 2), ("flatten",), ("linear", 4096), ("relu",), ("linear", 4096), ("relu",), ("linear", 1000),
]  # fmt: skip


def test_shape_table_of_alexnet_is_torchvisions():
    from torch.utils.flop_counter import FlopCounterMode
    from torchvision.models import alexnet

    with torch.device("meta"):
        net = alexnet().eval()
        counter = FlopCounterMode(display=False)
        with counter:
            net(torch.empty(1, 3, 224, 224))
    shapes = []
    for layer in (*net.features, None, *net.classifier):
        if not isinstance(layer, nn.Dropout):
            x = torch.empty(1, 3, 224, 224, device="meta") if not shapes else x
            x = x.flatten(1) if layer is None else layer(x)
            shapes.append(tuple(x.shape[1:]))
    table = ours.shape_table(ALEXNET, (3, 224, 224))
    assert [shape for shape, _, _ in table] == shapes
    assert sum(parameters for _, parameters, _ in table) == sum(p.numel() for p in net.parameters()) == 61_100_840
    assert 2 * sum(multiply_adds for _, _, multiply_adds in table) == counter.get_total_flops()


@pytest.mark.parametrize("layers", [[("linear", 3)], [("norm",)], [("conv", 4, 9, 1, 0)]])
def test_shape_table_refuses(layers):
    with pytest.raises(ValueError, match=r"layer|kernel"):
        ours.shape_table(layers, (1, 5, 5))
