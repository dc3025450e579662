"""Other ways to the lesson's two goals."""

import torch
import torch.nn.functional as F
from torch import nn


def trained(model, images, labels, epochs, rate, generator):
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=1e-3)
    steps = epochs * (len(images) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    model.train()
    for _ in range(epochs):
        for chosen in torch.randperm(len(images), generator=generator)[: len(images) // 64 * 64].split(64):
            optimizer.zero_grad()
            F.cross_entropy(model(images[chosen]), labels[chosen]).backward()
            optimizer.step()
            schedule.step()
    return model.eval()


# --- the digit that the bar means ------------------------------------------------------------------------------------


class Gate(nn.Module):
    """Squeeze and excitation by mean and maximum side by side."""

    def __init__(self, channels):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2 * channels, channels), nn.Tanh(), nn.Linear(channels, channels))

    def forward(self, x):
        seen = torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1)
        return x * self.layers(seen).sigmoid()[:, :, None, None]


def convolution(before, after, stride):
    return [nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]


def pointed_by_one_gate(images, labels, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = [*convolution(3, 16, 2), Gate(16), *convolution(16, 32, 2), *convolution(32, 32, 1)]
        model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 3)).to(images.device)
    return trained(model, images, labels, 6, 1e-2, torch.Generator().manual_seed(seed))


class ToldByTheMean(nn.Module):
    """A small net sees how much there is of each colour, and a larger one gets the colours mixed accordingly."""

    def __init__(self):
        super().__init__()
        self.told = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 3))
        layers = [*convolution(1, 16, 2), *convolution(16, 32, 2), *convolution(32, 32, 1)]
        self.reader = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 3))

    def forward(self, x):
        shares = self.told(10 * x.mean((2, 3)) - 1).softmax(1)
        return self.reader((x * shares[:, :, None, None]).sum(1, keepdim=True))


def pointed_by_a_mixture(images, labels, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ToldByTheMean().to(images.device)
    return trained(model, images, labels, 6, 1e-2, torch.Generator().manual_seed(seed))


# --- the first digit's like ------------------------------------------------------------------------------------------


class Lookup(nn.Module):
    """One head: digits are compared, the frames' brightness is taken home."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(196, 128), nn.ReLU(), nn.Linear(128, 32))
        self.sharpness = nn.Parameter(torch.tensor(2.0))
        self.head = nn.Linear(60, 4)

    def forward(self, strips):
        cells = strips[:, 0].unflatten(2, (7, 16)).transpose(1, 2)
        inner = F.normalize(self.embed(cells[..., 1:-1, 1:-1].flatten(2)), dim=-1)
        frames = torch.cat([cells[..., 0, :], cells[..., -1, :], cells[..., 1:-1, 0], cells[..., 1:-1, -1]], -1)
        alike = torch.einsum("nd,nkd->nk", inner[:, 0], inner[:, 1:]) * self.sharpness.exp()
        return self.head(torch.einsum("nk,nke->ne", alike.softmax(-1), frames[:, 1:]))


def finder_of_frames(images, labels, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Lookup().to(images.device)
    return trained(model, images, labels, 12, 4e-3, torch.Generator().manual_seed(seed))


class Attending(nn.Module):
    """torch's own attention layer over embedded cells."""

    def __init__(self, dim=64):
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, dim))
        self.q, self.k, self.v = (nn.Linear(dim, dim) for _ in range(3))
        self.head = nn.Linear(dim, 4)

    def forward(self, strips):
        tokens = self.embed(strips[:, 0].unflatten(2, (7, 16)).transpose(1, 2).flatten(2))
        found = F.scaled_dot_product_attention(self.q(tokens[:, :1]), self.k(tokens[:, 1:]), self.v(tokens[:, 1:]))
        return self.head(found[:, 0])


def finder_of_one_head(images, labels, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Attending().to(images.device)
    return trained(model, images, labels, 14, 4e-3, torch.Generator().manual_seed(seed))


ALTERNATIVES = {
    "attention.train_pointed": [pointed_by_one_gate, pointed_by_a_mixture],
    "attention.train_finder": [finder_of_frames, finder_of_one_head],
}
