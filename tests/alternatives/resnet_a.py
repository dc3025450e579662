"""Right answers to norms, fusing, counting and gradient lengths that look different from the reference."""

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn

# --- norms -----------------------------------------------------------------------------------------------------------


def batch_norm_channels_last(x, weight, bias, mean, variance, eps=1e-5):
    """With the channel as last axis nothing has to be reshaped."""
    last = x.movedim(1, -1)
    out = (last - mean) / torch.sqrt(variance + eps) * weight + bias
    return out.movedim(-1, 1)


def batch_norm_by_channel(x, weight, bias, mean, variance, eps=1e-5):
    """One channel after another."""
    channels = []
    for c in range(x.shape[1]):
        spread = (variance[c] + eps) ** 0.5
        channels.append(weight[c] * ((x[:, c] - mean[c]) / spread) + bias[c])
    return torch.stack(channels, dim=1)


def batch_norm_backward_by_covariance(grad_out, x, weight, eps=1e-5):
    """On (C, m) rows: what is left of grad_out when its mean and its part along x̂ are taken off."""
    shape = x.transpose(0, 1).shape
    rows, grad = x.transpose(0, 1).reshape(x.shape[1], -1), grad_out.transpose(0, 1).reshape(x.shape[1], -1)
    centred = rows - rows.mean(1, keepdim=True)
    power = (centred**2).mean(1, keepdim=True) + eps
    along = (grad * centred).mean(1, keepdim=True) / power
    dx = weight[:, None] / power.sqrt() * (grad - grad.mean(1, keepdim=True) - centred * along)
    dweight = (grad * centred).sum(1) / power.sqrt()[:, 0]
    return dx.reshape(shape).transpose(0, 1), dweight, grad.sum(1)


def batch_norm_backward_step_by_step(grad_out, x, weight, eps=1e-5):
    """Back through each operation of the forward pass, one at a time."""
    axes = tuple(i for i in range(x.ndim) if i != 1)
    m = x.numel() / x.shape[1]

    def total(t):
        return t.sum(axes, keepdim=True)

    w = weight.reshape([1, -1] + [1] * (x.ndim - 2))
    mu = total(x) / m
    xc = x - mu
    var = total(xc * xc) / m
    root = (var + eps).sqrt()
    xhat = xc / root
    dxhat = grad_out * w
    droot = total(dxhat * xc) * (-1 / root**2)
    dvar = droot * 0.5 / root
    dxc = dxhat / root + dvar * 2 / m * xc
    dmu = -total(dxc)
    dx = dxc + dmu / m
    return dx, total(grad_out * xhat).flatten(), total(grad_out).flatten()


class NormByHand(nn.Module):
    """No function of its own; assigns new buffers."""

    def __init__(self, channels, eps=1e-5, momentum=0.1):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels).fill_(1))
        self.bias = nn.Parameter(torch.empty(channels).fill_(0))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.zeros(channels) + 1)
        self.register_buffer("num_batches_tracked", torch.zeros((), dtype=torch.int64))
        self.m, self.eps = momentum, eps

    def forward(self, x):
        if self.training:
            rows = x.permute(1, 0, 2, 3).flatten(1)
            mean = rows.mean(dim=1)
            var = ((rows - mean[:, None]) ** 2).mean(dim=1)
            n = rows.shape[1]
            self.running_mean = (1 - self.m) * self.running_mean + self.m * mean.detach()
            self.running_var = (1 - self.m) * self.running_var + self.m * var.detach() * n / (n - 1)
            self.num_batches_tracked = self.num_batches_tracked + 1
        else:
            mean, var = self.running_mean, self.running_var
        xhat = (x - mean[None, :, None, None]) * (var[None, :, None, None] + self.eps) ** -0.5
        return xhat * self.weight[None, :, None, None] + self.bias[None, :, None, None]


class NormByData(nn.Module):
    """Changes its buffers through `.data`; the names in another order."""

    def __init__(self, channels, eps=1e-5, momentum=0.1):
        super().__init__()
        self.register_buffer("num_batches_tracked", torch.tensor(0, dtype=torch.long))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.weight = nn.Parameter(torch.ones(channels))
        self.eps, self.momentum = eps, momentum

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean = x.mean(dim=(0, 2, 3))
            var = x.var(dim=(0, 2, 3), unbiased=False)
            self.num_batches_tracked.data += 1
            self.running_mean.data.mul_(1 - self.momentum).add_(mean.detach(), alpha=self.momentum)
            better = x.detach().var(dim=(0, 2, 3))
            self.running_var.data.mul_(1 - self.momentum).add_(better, alpha=self.momentum)
        return batch_norm_channels_last(x, self.weight, self.bias, mean, var, self.eps)


# --- fusing ----------------------------------------------------------------------------------------------------------


def fuse_by_new_layer(conv, bn):
    new = nn.Conv2d(
        conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding, conv.dilation, conv.groups,
        bias=True,
    ).to(conv.weight)  # fmt: skip
    s = bn.weight.detach() * torch.rsqrt(bn.running_var + bn.eps)
    new.weight.data = torch.einsum("oikl,o->oikl", conv.weight.detach(), s)
    new.bias.data = bn.bias.detach() - bn.running_mean * s
    if conv.bias is not None:
        new.bias.data += conv.bias.detach() * s
    return new


def fuse_by_probing(conv, bn):
    """A norm in evaluation is a straight line in each channel: two points of it tell slope and height."""
    fused = copy.deepcopy(conv)

    def through(value):
        x = torch.full((1, conv.out_channels, 1, 1), value, dtype=conv.weight.dtype, device=conv.weight.device)
        spread = (bn.running_var + bn.eps).sqrt()
        return ((x[0, :, 0, 0] - bn.running_mean) / spread * bn.weight + bn.bias).detach()

    height = through(0.0)
    slope = through(1.0) - height
    bias = torch.zeros_like(height) if conv.bias is None else conv.bias.detach()
    fused.register_parameter("bias", nn.Parameter(slope * bias + height))
    with torch.no_grad():
        for kernel, factor in zip(fused.weight, slope, strict=True):
            kernel.mul_(factor)
    return fused


# --- start and cost --------------------------------------------------------------------------------------------------


def zero_init_by_name(model):
    names = {name for name, _ in model.named_parameters()}
    for name, parameter in model.named_parameters():
        block, _, rest = name.rpartition(".bn3.weight" if name.endswith(".bn3.weight") else ".bn2.weight")
        last = f"{block}.bn3.weight" if f"{block}.bn3.weight" in names else f"{block}.bn2.weight"
        if name == last and not rest:
            parameter.data.fill_(0.0)


def zero_init_by_children(model):
    def visit(module):
        own = dict(module.named_children())
        for key in ("bn3", "bn2"):
            if key in own:
                nn.init.zeros_(own[key].weight)
                break
        for child in own.values():
            visit(child)

    visit(model)


def count_by_loop(model, trainable_only=False):
    total = 0
    for _, parameter in model.named_parameters():
        if trainable_only and not parameter.requires_grad:
            continue
        total += math.prod(parameter.shape)
    return total


def count_by_memory(model, trainable_only=False):
    """Each tensor once, told apart by where it lies."""
    places = {}
    for module in model.modules():
        for parameter in module._parameters.values():
            if parameter is not None and (parameter.requires_grad or not trainable_only):
                places[parameter.data_ptr()] = len(parameter.flatten())
    return sum(places.values())


class Meter:
    """Hooks as a context."""

    def __init__(self, model):
        self.model, self.total = model, 0

    def __enter__(self):
        self.modes = {m: m.training for m in self.model.modules()}
        self.handles = [m.register_forward_hook(self.see) for m in self.model.modules()]
        self.model.train(False)
        return self

    def see(self, layer, inputs, out):
        if isinstance(layer, nn.Conv2d):
            kernel = layer.kernel_size[0] * layer.kernel_size[1] * layer.in_channels // layer.groups
            n, c, h, w = out.shape
            self.total += 2 * n * c * h * w * kernel
        elif isinstance(layer, nn.Linear):
            self.total += 2 * inputs[0].numel() * layer.out_features

    def __exit__(self, *_):
        for handle in self.handles:
            handle.remove()
        for module, training in self.modes.items():
            module.training = training


def count_flops_by_meter(model, input_shape):
    with Meter(model) as meter, torch.inference_mode():
        model(next(iter(model.parameters())).new_zeros(input_shape))
    return meter.total


def count_flops_on_a_copy(model, input_shape):
    """Counts on a deep copy, and leaves it to its fate."""
    twin = copy.deepcopy(model).eval()
    counts = []
    for layer in twin.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(lambda layer, x, y: counts.append(y.numel() * layer.weight[0].numel()))
    dtype = next(twin.parameters()).dtype
    with torch.no_grad():
        twin(torch.ones(*input_shape, dtype=dtype))
    return sum(counts) * 2


# --- gradient lengths ------------------------------------------------------------------------------------------------


def gradient_norms_by_output(model, x, y):
    """Sorts by when each layer first ran."""
    layers = {name: m for name, m in model.named_modules() if isinstance(m, nn.Conv2d)}
    ran, handles = [], []
    for name, layer in layers.items():
        handles.append(layer.register_forward_pre_hook(lambda *_, name=name: ran.append(name)))
    try:
        loss = -F.log_softmax(model(x), dim=1)[torch.arange(len(y)), y].mean()
    finally:
        [handle.remove() for handle in handles]
    names = [name for name in sorted(set(ran), key=ran.index) if layers[name].weight.requires_grad]
    found = torch.autograd.grad(loss, [layers[name].weight for name in names])
    return [(name, torch.linalg.vector_norm(g).item()) for name, g in zip(names, found, strict=True)]


def gradient_norms_by_backward(model, x, y):
    """Sets .grad aside, lets backward fill it, and puts it back."""
    aside = {p: p.grad for p in model.parameters()}
    for p in aside:
        p.grad = None
    order = []
    handles = [
        m.register_forward_hook(lambda m, *_, name=name: None if (name, m) in order else order.append((name, m)))
        for name, m in model.named_modules()
        if type(m) is nn.Conv2d
    ]
    F.cross_entropy(model(x), y).backward()
    for handle in handles:
        handle.remove()
    answer = [(name, float((m.weight.grad**2).sum() ** 0.5)) for name, m in order if m.weight.grad is not None]
    for p, grad in aside.items():
        p.grad = grad
    return answer


ALTERNATIVES = {
    "resnet.batch_norm": [batch_norm_channels_last, batch_norm_by_channel],
    "resnet.batch_norm_backward": [batch_norm_backward_by_covariance, batch_norm_backward_step_by_step],
    "resnet.BatchNorm2d": [NormByHand, NormByData],
    "resnet.fuse_conv_bn": [fuse_by_new_layer, fuse_by_probing],
    "resnet.zero_init_residual": [zero_init_by_name, zero_init_by_children],
    "resnet.count_parameters": [count_by_loop, count_by_memory],
    "resnet.count_flops": [count_flops_by_meter, count_flops_on_a_copy],
    "resnet.gradient_norms": [gradient_norms_by_output, gradient_norms_by_backward],
}
