"""Right answers of lesson 04, part c, that look different from the reference."""

import math
import string

import torch
import torch.nn.functional as F
from torch import nn

# --- tables ----------------------------------------------------------------------------------------------------------


def impute_by_sorting(train, rows):
    """Column by column; the median is looked up among the sorted known values."""
    columns = []
    for known, asked in zip(train.unbind(1), rows.unbind(1), strict=True):
        found = known[~known.isnan()].sort().values
        count = len(found)
        median = (found[(count - 1) // 2] + found[count // 2]) / 2 if count else known.new_zeros(())
        known = torch.where(known.isnan(), median, known)
        spread = (known - known.mean()).pow(2).mean().sqrt()
        spread = spread if (known != known[0]).any() else torch.ones_like(spread)
        columns.append((torch.where(asked.isnan(), median, asked) - known.mean()) / spread)
    return torch.cat([torch.stack(columns, 1), torch.isnan(rows).type_as(rows)], -1)


def impute_by_masked_fill(train, rows):
    """NaN is what isn't equal to itself; the statistics are NumPy's."""
    import numpy as np

    known = train.cpu().numpy()
    median = np.array([np.median(c[c == c]) if (c == c).any() else 0.0 for c in known.T], dtype=known.dtype)
    whole = np.where(known == known, known, median)
    deviation = whole.std(0)
    deviation[(whole == whole[0]).all(0)] = 1
    gaps = rows != rows
    middle, mean, deviation = (torch.tensor(part).to(rows) for part in (median, whole.mean(0), deviation))
    values = torch.where(gaps, middle.expand_as(rows), rows)
    return torch.hstack(((values - mean) / deviation, gaps * torch.ones_like(rows)))


def impute_both_at_once(train, rows):
    """One table of all rows is filled; the middle two values are found by their ranks."""
    count = (~train.isnan()).sum(0)
    ranked = train.nan_to_num(nan=math.inf).sort(0).values
    middle = [
        ranked.gather(0, index.clamp(min=0)[None])[0]
        for index in ((count - 1) // 2, (count // 2).clamp(max=len(train) - 1))
    ]
    median = torch.where(count > 0, (middle[0] + middle[1]) * 0.5, 0.0)
    both = torch.cat([train, rows])
    missing = both.isnan()
    both = missing * median + both.nan_to_num(nan=0.0)
    variance, mean = torch.var_mean(both[: len(train)], 0, unbiased=False)
    flat = (both[: len(train)] - both[0]).abs().sum(0) == 0
    scaled = (both - mean) * torch.where(flat, torch.ones_like(variance), variance).rsqrt()
    return torch.cat([scaled, missing.to(scaled.dtype)], 1)[len(train) :]


class TokensByEinsum(nn.Module):
    def __init__(self, features, dim):
        super().__init__()
        self.weight = nn.Parameter((2 * torch.rand(features, dim) - 1) * dim**-0.5)
        self.bias = nn.Parameter((2 * torch.rand(features, dim) - 1) * dim**-0.5)

    def forward(self, table):
        return torch.einsum("nf,fd->nfd", table, self.weight) + self.bias[None]


class TokensByColumns(nn.Module):
    """One column after the other, under other names."""

    def __init__(self, features, dim):
        super().__init__()
        bound = 1 / math.sqrt(dim)
        self.directions = nn.Parameter(nn.init.uniform_(torch.empty(features, dim), -bound, bound))
        self.starts = nn.Parameter(nn.init.uniform_(torch.empty(features, dim), -bound, bound))

    def forward(self, table):
        pairs = zip(table.unbind(1), self.directions, self.starts, strict=True)
        return torch.stack([torch.outer(x, direction) + start for x, direction, start in pairs], dim=1)


class TokensByDiagonal(TokensByEinsum):
    """The row as a diagonal matrix, times the weights."""

    def forward(self, table):
        return torch.diag_embed(table) @ self.weight + self.bias


# --- notes -----------------------------------------------------------------------------------------------------------

LETTERS = set(string.ascii_lowercase + string.digits)


def notes_letter_by_letter(notes, vocabulary, length):
    table = torch.zeros((len(notes), length), dtype=torch.int64)
    for row, note in enumerate(notes):
        words, word = [], ""
        for letter in [*note.lower(), " "]:
            if letter in LETTERS:
                word += letter
            elif word:
                words.append(word)
                word = ""
        for column, word in enumerate(words):
            if column < length:
                table[row, column] = vocabulary.index(word) + 2 if word in vocabulary else 1
    return table


def notes_by_sub(notes, vocabulary, length):
    import re

    numbers = dict(zip(vocabulary, range(2, len(vocabulary) + 2), strict=True))
    rows = []
    for note in notes:
        ids = [numbers.get(word, 1) for word in re.sub("[^a-z0-9]+", " ", note.lower()).split()]
        rows.append((ids + [0] * length)[:length])
    return torch.tensor(rows, dtype=torch.long).view(len(notes), length)


def notes_by_pad_sequence(notes, vocabulary, length):
    import re

    known = {"": 0} | {word: index for index, word in enumerate(vocabulary, 2)}
    found = [
        torch.tensor([known.get(w, 1) for w in re.split("[^a-z0-9]+", n.lower()) if w], dtype=torch.long) for n in notes
    ]
    filled = nn.utils.rnn.pad_sequence([*found, torch.zeros(length, dtype=torch.long)], batch_first=True)
    return filled[:-1, :length].contiguous()


# --- fusion ----------------------------------------------------------------------------------------------------------


class FusionInTwoParts(nn.Module):
    """fc1 is applied to the image and to the table by themselves; the sum is the same."""

    def __init__(self, dim, features, classes, hidden=64):
        super().__init__()
        self.dim = dim
        self.fc1 = nn.Linear(dim + features, hidden)
        self.fc2 = nn.Linear(hidden, classes)

    def forward(self, image_tokens, table):
        image, rest = self.fc1.weight[:, : self.dim], self.fc1.weight[:, self.dim :]
        summary = torch.einsum("nkd->nd", image_tokens) / image_tokens.shape[1]
        return self.fc2((summary @ image.T + table @ rest.T + self.fc1.bias).clamp(min=0))


class FusionInSequence(nn.Module):
    def __init__(self, dim, features, classes, hidden=64):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(dim + features, hidden), nn.ReLU(), nn.Linear(hidden, classes))

    def forward(self, image_tokens, table):
        pooled = F.adaptive_avg_pool1d(image_tokens.transpose(1, 2), 1).flatten(1)
        return self.net(torch.hstack([pooled, table]))


class Looking(nn.Module):
    """Cross-attention on torch's own."""

    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.q_proj_weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(dim, dim)))
        self.k_proj_weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(dim, dim)))
        self.v_proj_weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(dim, dim)))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * dim))
        self.out_proj = nn.Linear(dim, dim)

    def parts(self, x, context):
        weights = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        for tokens, weight, bias in zip((x, context, context), weights, self.in_proj_bias.chunk(3), strict=True):
            yield F.linear(tokens, weight, bias).unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x, context, hidden=None):
        q, k, v = self.parts(x, context)
        mask = None if hidden is None else ~hidden[:, None, None]
        return self.out_proj(F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2))

    def weights(self, x, context, hidden=None):
        q, k, _ = self.parts(x, context)
        scores = q @ k.mT / q.shape[-1] ** 0.5
        return (scores if hidden is None else scores.masked_fill(hidden[:, None, None], -math.inf)).softmax(-1)


class CrossFusionOfTorch(nn.Module):
    def __init__(self, dim, features, classes, heads=4, vocabulary=0):
        super().__init__()
        self.columns = TokensByEinsum(features, dim)
        if vocabulary:
            self.words = nn.Embedding(vocabulary + 2, dim, padding_idx=0)
        self.attend = Looking(dim, heads)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.head = nn.Linear(dim, classes)

    def forward(self, image_tokens, table, notes=None, need_weights=False):
        context, hidden = self.columns(table), None
        if notes is not None:
            context = torch.cat((context, F.embedding(notes, self.words.weight)), 1)
            hidden = F.pad(notes == 0, (table.shape[1], 0), value=False)
        x = self.norm(self.attend(image_tokens, context, hidden) + image_tokens)
        logits = self.head(x).mean(1)  # a linear layer of the mean is the mean of the linear layer
        return (logits, self.attend.weights(image_tokens, context, hidden)) if need_weights else logits


class CrossFusionImageByImage(CrossFusionOfTorch):
    """Each image by itself, with its own words only: nothing is left to mask."""

    def forward(self, image_tokens, table, notes=None, need_weights=False):
        logits, weights = [], []
        for index, (tokens, row) in enumerate(zip(image_tokens, table, strict=True)):
            context = self.columns(row[None])[0]
            length = 0
            if notes is not None:
                said = notes[index][notes[index] > 0]
                context = torch.cat([context, self.words.weight[said]])
                length = notes.shape[1] - len(said)
            found = self.attend(tokens[None], context[None])[0]
            normed = F.layer_norm(tokens + found, tokens.shape[-1:], self.norm.weight, self.norm.bias, 1e-6)
            logits.append(self.head(normed.mean(0)))
            weights.append(F.pad(self.attend.weights(tokens[None], context[None])[0], (0, length)))
        return (torch.stack(logits), torch.stack(weights)) if need_weights else torch.stack(logits)


# --- judging ---------------------------------------------------------------------------------------------------------


def kappa_by_pairs(labels, predicted, classes):
    """Chance is every label beside every prediction."""
    observed = (labels - predicted).double().square().mean()
    chance = (labels[:, None] - predicted[None]).double().square().mean()
    return torch.where(chance == 0, chance, 1 - observed / chance).to(torch.float32)


def kappa_by_moments(labels, predicted, classes):
    """E (i − j)² of independent grades is the sum of both variances and of the squared distance of the means."""
    one, other = labels.double(), predicted.double()
    chance = one.var(correction=0) + other.var(correction=0) + (one.mean() - other.mean()) ** 2
    if chance == 0:
        return torch.zeros((), device=labels.device)
    return (1 - (one - other).square().mean() / chance).float()


def kappa_in_loops(labels, predicted, classes):
    seen = [[0] * classes for _ in range(classes)]
    for label, answer in zip(labels.tolist(), predicted.tolist(), strict=True):
        seen[label][answer] += 1
    above = below = 0.0
    for i in range(classes):
        for j in range(classes):
            cost = (i - j) ** 2 / (classes - 1) ** 2
            above += cost * seen[i][j]
            below += cost * sum(seen[i]) * sum(row[j] for row in seen) / len(labels)
    return torch.tensor(1 - above / below if below else 0.0, device=labels.device)


def importance_by_where(score, table, orders):
    """The column is picked by a mask."""
    columns = torch.arange(table.shape[1], device=table.device)
    found = [
        torch.stack([torch.as_tensor(score(torch.where(columns == j, table[order], table))) for order in orders]).mean()
        for j in columns
    ]
    return (torch.as_tensor(score(table)) - torch.stack(found)).to(table)


def importance_order_by_order(score, table, orders):
    total = torch.zeros_like(table[0])
    for order in orders:
        mixed = table.index_select(0, order)
        for j in range(table.shape[1]):
            total[j] += score(table) - score(torch.cat([table[:, :j], mixed[:, j : j + 1], table[:, j + 1 :]], dim=1))
    return total / orders.shape[0]


def importance_put_back(score, table, orders):
    """One copy for everything; the column is put back each time."""
    copy, before = table.detach().clone(), float(score(table))
    result = []
    for j in range(table.size(1)):
        after = []
        for order in orders.tolist():
            copy[:, j] = torch.stack([table[i, j] for i in order])
            after.append(float(score(copy)))
            copy[:, j] = table[:, j]
        result.append(before - sum(after) / len(after))
    return torch.tensor(result, dtype=table.dtype, device=table.device)


ALTERNATIVES = {
    "vit.impute": [impute_by_sorting, impute_by_masked_fill, impute_both_at_once],
    "vit.note_tokens": [notes_letter_by_letter, notes_by_sub, notes_by_pad_sequence],
    "vit.TabularTokens": [TokensByEinsum, TokensByColumns, TokensByDiagonal],
    "vit.ConcatFusion": [FusionInTwoParts, FusionInSequence],
    "vit.CrossAttentionFusion": [CrossFusionOfTorch, CrossFusionImageByImage],
    "vit.quadratic_weighted_kappa": [kappa_by_pairs, kappa_by_moments, kappa_in_loops],
    "vit.permutation_importance": [importance_by_where, importance_order_by_order, importance_put_back],
}
