"""Right answers to the exercises on transfer that look different from the reference."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def replace_head_by_walking(model, head, num_classes):
    """Goes down name by name, with getattr."""
    holder = model
    *path, name = head.split(".")
    for step in path:
        holder = getattr(holder, step)
    old = getattr(holder, name)
    if type(old) is not nn.Linear:
        raise ValueError(f"{head} is no Linear")
    setattr(holder, name, nn.Linear(old.in_features, num_classes, old.bias is not None).to(old.weight))
    return getattr(holder, name)


def replace_head_in_modules(model, head, num_classes):
    """Looks the layer up among all modules, and puts the new one into `_modules`."""
    old = dict(model.named_modules())[head]
    if not isinstance(old, nn.Linear):
        raise ValueError(f"{head} is no Linear")
    new = nn.Linear(old.weight.shape[1], num_classes, bias=old.bias is not None)
    new = new.to(device=old.weight.device, dtype=old.weight.dtype)
    for name, module in model.named_modules():
        for key in module._modules:
            if (f"{name}.{key}" if name else key) == head:
                holder, place = module, key
    holder._modules[place] = new
    return new


def into_eval(part, inputs):
    if not any(item.requires_grad for item in part.parameters()):
        part.eval()


def freeze_by_hooks(model, until=""):
    """A hook puts a frozen part into eval mode just before it is used."""
    frozen = bool(until)
    names = [name for name, _ in model.named_children()]
    if until and until not in names:
        raise ValueError(until)
    for name, part in model.named_children():
        if not getattr(part, "has_eval_hook", False) and any(True for _ in part.parameters()):
            part.register_forward_pre_hook(into_eval)
            part.has_eval_hook = True
        for item in part.parameters():
            item.requires_grad = not frozen
        part.train(model.training and not frozen)
        if name == until:
            frozen = False


def freeze_by_lambda(model, until=""):
    """Frozen parts get a `train` of their own; afterwards it is taken away again."""
    parts = list(model.named_children())
    count = [name for name, _ in parts].index(until) + 1 if until else 0
    for index, (_, part) in enumerate(parts):
        if "train" in vars(part):
            del part.train
        part.requires_grad_(index >= count)
        if index < count:
            part.eval()
            part.train = lambda mode=True, part=part: part
        else:
            part.train(model.training)


def freeze_by_overriding_the_model(model, until=""):
    """The model's own `train` is followed by an eval() of the frozen parts."""
    names = [name for name, _ in model.named_children()]
    frozen = names[: names.index(until) + 1] if until else []

    def train(mode=True):
        type(model).train(model, mode)
        for name in frozen:
            getattr(model, name).eval()
        return model

    model.train = train
    for name, part in model.named_children():
        part.requires_grad_(name not in frozen)
    model.train(model.training)


def unfreeze_gradually_from_the_end(model, epoch, every=1):
    waiting, learning = [name for name, part in model.named_children() if list(part.parameters())], []
    for _ in range(epoch // every + 1):
        if waiting:
            learning.insert(0, waiting.pop())
    freeze_by_lambda(model, until=waiting[-1] if waiting else "")
    return learning


def unfreeze_gradually_by_loop(model, epoch, every=1):
    names = [name for name, part in model.named_children() if sum(item.numel() for item in part.parameters())]
    first = max(len(names) - 1 - epoch // every, 0)
    freeze_by_overriding_the_model(model, names[first - 1] if first else "")
    return names[first:]


def layer_wise_lr_from_the_end(model, lr, decay=0.75):
    groups = []
    for part in reversed(list(model.children())):
        params = [item for item in part.parameters() if item.requires_grad]
        if params:
            groups.append({"params": params, "lr": lr})
            lr = lr * decay
    return groups[::-1]


def layer_wise_lr_by_names(model, lr, decay=0.75):
    by_part = {}
    for name, item in model.named_parameters():
        if item.requires_grad:
            by_part.setdefault(name.split(".")[0], []).append(item)
    rates = lr * decay ** torch.arange(len(by_part) - 1, -1, -1, dtype=torch.float64)
    return [
        {"params": params, "lr": float(rate), "name": name}
        for (name, params), rate in zip(by_part.items(), rates, strict=True)
    ]


def paired_bootstrap_by_weights(one, other, draws=10_000, seed=0):
    """How often each pair comes in a round is multinomial."""
    found = (one - other).double()
    generator = torch.Generator().manual_seed(seed)
    odds = torch.ones(draws, len(found), dtype=torch.float64)
    picks = torch.multinomial(odds, len(found), replacement=True, generator=generator)
    times = torch.zeros_like(odds).scatter_add_(1, picks, torch.ones_like(odds))
    means = (times @ found.cpu() / len(found)).sort().values
    tail = round(0.025 * (draws - 1))
    return float(found.mean()), float(means[tail]), float(means[draws - 1 - tail])


def paired_bootstrap_in_numpy(one, other, draws=10_000, seed=0):
    random = np.random.default_rng(seed)
    found = one.double().cpu().numpy() - other.double().cpu().numpy()
    means = [random.choice(found, len(found)).mean() for _ in range(draws)]
    return found.mean().item(), *np.percentile(means, [2.5, 97.5]).tolist()


def small_net(classes):
    """Convolutions with pooling instead of strides."""
    layers = []
    for inputs, outputs in ((1, 24), (24, 48), (48, 96)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, classes))


def bent(images, generator):
    turn = 0.12 * torch.randn(len(images), 2, 3, generator=generator) + torch.eye(2, 3)
    grid = F.affine_grid(turn.to(images), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def reader_of_digits(known, known_labels, generator, seed):
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = small_net(10).to(known.device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 6e-3, total_steps=200)
    for _ in range(200):
        chosen = torch.randint(len(known), (64,), generator=generator).to(known.device)
        optimizer.zero_grad()
        F.cross_entropy(model(bent(known[chosen], generator)), known_labels[chosen]).backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def learn_from_ten_by_reading(known, known_labels, few, few_labels, seed=0):
    """Reads the digit with the old head, and looks up which kind was seen with it."""
    generator = torch.Generator().manual_seed(seed)
    model = reader_of_digits(known, known_labels, generator, seed)
    with torch.no_grad():
        seen = torch.zeros(5, 10, device=few.device)
        for _ in range(20):
            seen.index_add_(0, few_labels, model(bent(few, generator)).softmax(1))
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        table = nn.Linear(10, 5, bias=False).to(few.device)
        table.weight.copy_(seen / seen.sum(dim=0, keepdim=True).clamp(min=1.0))
    return nn.Sequential(model, nn.Softmax(dim=1), table).eval()


def learn_from_ten_by_regression(known, known_labels, few, few_labels, seed=0):
    """Works out once what the body says of the ten, bent twenty times each, and fits a head to that with L-BFGS."""
    generator = torch.Generator().manual_seed(seed)
    body = reader_of_digits(known, known_labels, generator, seed)[:-1]
    with torch.no_grad():
        said = torch.cat([body(bent(few, generator)) for _ in range(20)])
    labels = few_labels.repeat(20)
    with torch.random.fork_rng(devices=[]):
        head = nn.Linear(96, 5).to(few.device)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    optimizer = torch.optim.LBFGS(head.parameters(), max_iter=100)

    def loss():
        optimizer.zero_grad()
        found = F.cross_entropy(head(said), labels) + 1e-3 * head.weight.square().sum()
        found.backward()
        return found

    optimizer.step(loss)
    return nn.Sequential(body, head).eval()


ALTERNATIVES = {
    "resnet.replace_head": [replace_head_by_walking, replace_head_in_modules],
    "resnet.freeze": [freeze_by_hooks, freeze_by_lambda, freeze_by_overriding_the_model],
    "resnet.unfreeze_gradually": [unfreeze_gradually_from_the_end, unfreeze_gradually_by_loop],
    "resnet.paired_bootstrap": [paired_bootstrap_by_weights, paired_bootstrap_in_numpy],
    "resnet.learn_from_ten": [learn_from_ten_by_reading, learn_from_ten_by_regression],
    "resnet.layer_wise_lr": [layer_wise_lr_from_the_end, layer_wise_lr_by_names],
}
