"""Right answers to lesson 02 b that look different from the reference: folds, search, and the goal."""

import math
import random
from collections import Counter, defaultdict

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def k_fold_by_dealing(n, k, seed=0, groups=None):
    """Lists of samples; without groups they are dealt out like cards."""
    chance = random.Random(seed)
    if groups is None:
        cards = list(range(n))
        chance.shuffle(cards)
        parts = [cards[i::k] for i in range(k)]
    else:
        members = defaultdict(list)
        for sample, name in enumerate(groups.tolist()):
            members[name].append(sample)
        names = list(members)
        chance.shuffle(names)
        parts = [[] for _ in range(k)]
        for name in sorted(names, key=lambda name: len(members[name]), reverse=True):
            min(parts, key=len).extend(members[name])
    pairs = []
    for i in range(k):
        rest = [sample for j, part in enumerate(parts) if j != i for sample in part]
        pairs.append((torch.tensor(rest), torch.tensor(parts[i])))
    return pairs


def k_fold_by_numpy(n, k, seed=0, groups=None):
    rng = np.random.default_rng(seed)
    if groups is None:
        chunks = np.array_split(rng.permutation(n), k)
        fold = np.empty(n, dtype=int)
        for i, chunk in enumerate(chunks):
            fold[chunk] = i
    else:
        groups = groups.cpu().numpy()
        sizes = Counter(groups.tolist())
        names = rng.permutation(list(sizes)).tolist()
        names.sort(key=lambda name: sizes[name], reverse=True)
        load, home = np.zeros(k, dtype=int), {}
        for name in names:
            home[name] = int(load.argmin())
            load[home[name]] += sizes[name]
        fold = np.array([home[name] for name in groups.tolist()])
    return [
        (torch.from_numpy(np.flatnonzero(fold != i)), torch.from_numpy(np.flatnonzero(fold == i))) for i in range(k)
    ]


def log_uniform_by_power(low, high, n, seed=0):
    u = torch.rand(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return low ** (1 - u) * high**u


def log_uniform_by_numpy(low, high, n, seed=0):
    ends = np.log10([low, high])
    return torch.from_numpy(10 ** np.random.default_rng(seed).uniform(ends[0], ends[1], n))


def log_uniform_by_loop(low, high, n, seed=0):
    chance = random.Random(seed)
    numbers = [math.exp(chance.uniform(math.log(low), math.log(high))) for _ in range(n)]
    return torch.tensor(numbers, dtype=torch.float64)


def random_search_by_dicts(objective, space, trials, budget=1, seed=0):
    """Draws setting by setting, ranks by index."""
    chance = random.Random(seed)
    settings = []
    for _ in range(trials):
        settings.append({name: 10 ** chance.uniform(math.log10(a), math.log10(b)) for name, (a, b) in space.items()})
    history, left = [], list(range(trials))
    while left:
        losses = {}
        for i in left:
            losses[i] = objective(settings[i], budget)
            history.append((settings[i], budget, losses[i]))
        if len(left) == 1:
            break
        left.sort(key=lambda i: losses[i] if math.isfinite(losses[i]) else math.inf)
        left = left[: math.ceil(len(left) / 2)]
        budget = budget * 2
    return {"settings": settings[left[0]], "loss": losses[left[0]], "history": history}


def random_search_recursive(objective, space, trials, budget=1, seed=0):
    rng = np.random.default_rng(seed)
    columns = {name: np.exp(rng.uniform(np.log(a), np.log(b), trials)) for name, (a, b) in space.items()}
    rows = [{name: float(column[i]) for name, column in columns.items()} for i in range(trials)]

    def rounds(rows, budget):
        runs = [(row, budget, objective(row, budget)) for row in rows]
        if len(runs) == 1:
            return runs
        rank = np.argsort(np.nan_to_num([loss for _, _, loss in runs], nan=np.inf), kind="stable")
        return runs + rounds([rows[i] for i in rank[: -(-len(rows) // 2)]], 2 * budget)

    history = rounds(rows, budget)
    return {"history": history, "settings": history[-1][0], "loss": history[-1][2]}


def bent(images, generator):
    turn = 0.12 * torch.randn(len(images), 2, 3, generator=generator) + torch.eye(2, 3)
    grid = F.affine_grid(turn.to(images), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def train_with_recipe_bent(images, labels, seed=0):
    """Convolutions with pooling; images turned, stretched and slanted; AdamW and one cycle."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        layers = []
        for inputs, outputs in ((1, 16), (16, 32), (32, 64)):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]
        model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(576, 10)).to(images.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=200)
    for _ in range(200):
        optimizer.zero_grad()
        F.cross_entropy(model(bent(images, generator)), labels, label_smoothing=0.1).backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def train_with_recipe_without_norms(images, labels, seed=0):
    """Two 5 × 5 convolutions as in lesson 01, no batch norm; SGD with momentum and a cosine."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        first, second = nn.Conv2d(1, 16, 5, stride=2), nn.Conv2d(16, 48, 5, stride=2)
        model = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.Flatten(), nn.Linear(768, 10)).to(images.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 800)
    for _ in range(800):
        chosen = torch.randperm(len(images), generator=generator)[:50].to(images.device)
        optimizer.zero_grad()
        F.cross_entropy(model(bent(images[chosen], generator)), labels[chosen]).backward()
        optimizer.step()
        schedule.step()
    return model.eval()


ALTERNATIVES = {
    "resnet.k_fold": [k_fold_by_dealing, k_fold_by_numpy],
    "resnet.log_uniform": [log_uniform_by_power, log_uniform_by_numpy, log_uniform_by_loop],
    "resnet.random_search": [random_search_by_dicts, random_search_recursive],
    "resnet.train_with_recipe": [train_with_recipe_bent, train_with_recipe_without_norms],
}
