"""Other ways to the goals of lesson 05."""

import torch
import torch.nn.functional as F
from torch import nn

from solutions.unet import AttentionUNet, UNet


def made(seed, build):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def dilated(in_channels, width=12):
    """No pooling and no skips: every layer looks further apart than the one before."""
    layers, channels = [], in_channels
    for spread in (1, 1, 2, 4, 8, 1):
        layers += [nn.Conv2d(channels, width, 3, padding=spread, dilation=spread, bias=False), nn.BatchNorm2d(width)]
        layers.append(nn.ReLU())
        channels = width
    return nn.Sequential(*layers, nn.Conv2d(width, 1, 1))


def trained(model, images, masks, loss_of, steps, rate, seed):
    """Adam and OneCycleLR on eight tiles a step, each step's mirrored or not, turned or not."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    model.train()
    for _ in range(steps):
        chosen = torch.randperm(len(images), generator=generator)[:8]
        turns, mirrored = torch.randint(4, (2,), generator=generator).tolist()
        x, y = (layer[chosen].rot90(turns, (-2, -1)) for layer in (images, masks))
        if mirrored % 2:
            x, y = x.flip(-2), y.flip(-2)
        loss = loss_of(model(x)[:, 0], y.float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def overlap(logits, truth):
    """1 − IoU, softly, of the whole batch."""
    p = logits.sigmoid()
    both = (p * truth).sum()
    return 1 - both / (p.sum() + truth.sum() - both + 1)


def both_losses(logits, truth):
    return F.binary_cross_entropy_with_logits(logits, truth) + overlap(logits, truth)


def heavier_pixels(logits, truth):
    return F.binary_cross_entropy_with_logits(logits, truth, pos_weight=torch.tensor(2.0)) + overlap(logits, truth)


def cells_by_dilation(images, masks, seed=0):
    model = made(seed, lambda: dilated(1)).to(images.device)
    return trained(model, images, masks, both_losses, 120, 2e-2, seed)


def cells_with_gates(images, masks, seed=0):
    model = made(seed, lambda: AttentionUNet(1, 1, channels=(8, 16, 32))).to(images.device)
    return trained(model, images, masks, overlap, 120, 1e-2, seed)


def vessels_of_two_levels(images, masks, seed=0):
    model = made(seed, lambda: UNet(1, 1, 10, 2, up="bilinear")).to(images.device)
    return trained(model, images, masks, both_losses, 170, 1e-2, seed)


def roads_with_weights(images, masks, seed=0):
    model = made(seed, lambda: UNet(3, 1, 8, 3, up="bilinear")).to(images.device)
    return trained(model, images, masks, heavier_pixels, 200, 1e-2, seed)


ALTERNATIVES = {
    "unet.train_cells": [cells_by_dilation, cells_with_gates],
    "unet.train_vessels": [vessels_of_two_levels],
    "unet.train_roads": [roads_with_weights],
}
