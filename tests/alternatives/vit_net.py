"""Right blocks, transformers and renamings that look different from the reference.

The module stands alone: in the sandbox it is one cell of a notebook.
"""

import math
import re

import torch
import torch.nn.functional as F
from torch import nn

# --- the small network -----------------------------------------------------------------------------------------------


class MlpAsSequence(nn.Sequential):
    def __init__(self, dim, hidden):
        super().__init__()
        self.add_module("fc1", nn.Linear(dim, hidden))
        self.add_module("act", nn.GELU())
        self.add_module("fc2", nn.Linear(hidden, dim))


class MlpByMatrices(nn.Module):
    """Products of matrices, and the error function."""

    def __init__(self, dim, hidden):
        super().__init__()
        self.fc2, self.fc1 = nn.Linear(hidden, dim), nn.Linear(dim, hidden)

    def forward(self, x):
        inner = x @ self.fc1.weight.T + self.fc1.bias
        inner = inner * (0.5 + 0.5 * torch.erf(inner / math.sqrt(2)))
        return torch.einsum("...h,dh->...d", inner, self.fc2.weight) + self.fc2.bias


class MlpOfTokens(nn.Module):
    """All tokens in one long row first."""

    def __init__(self, dim, hidden):
        super().__init__()
        self.fc1 = nn.Linear(in_features=dim, out_features=hidden, bias=True)
        self.fc2 = nn.Linear(in_features=hidden, out_features=dim, bias=True)

    def forward(self, x):
        rows = x.reshape(-1, x.shape[-1])
        normal = torch.special.ndtr(self.fc1(rows))
        return self.fc2(self.fc1(rows) * normal).reshape(x.shape)


# --- attention -------------------------------------------------------------------------------------------------------


class AttentionByReshape(nn.Module):
    """Three, heads and numbers as axes of one tensor."""

    def __init__(self, dim, heads):
        super().__init__()
        if dim % heads != 0:
            raise ValueError("dim must be a multiple of heads")
        self.heads, self.scale = heads, (dim // heads) ** -0.5
        self.qkv = nn.Linear(dim, dim * 3)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x, need_weights=False):
        batch, n, dim = x.shape
        qkv = self.qkv(x).reshape(batch, n, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        attn = (q * self.scale) @ k.mT
        attn = F.softmax(attn, dim=-1)
        x = self.proj((attn @ v).transpose(1, 2).reshape(batch, n, dim))
        if need_weights:
            return x, attn
        return x


class AttentionInALoop(nn.Module):
    """One head after the other, on slices of the weights; each head's share of proj is added."""

    def __init__(self, dim, heads):
        super().__init__()
        self.dim, self.heads = dim, heads
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x, need_weights=False):
        d, out, shown = self.dim // self.heads, self.proj.bias, []
        for head in range(self.heads):
            rows = [slice(part * self.dim + head * d, part * self.dim + (head + 1) * d) for part in range(3)]
            q, k, v = (F.linear(x, self.qkv.weight[r], self.qkv.bias[r]) for r in rows)
            scores = torch.baddbmm(torch.zeros((), dtype=x.dtype, device=x.device), q, k.mT, alpha=d**-0.5)
            share = (scores - scores.amax(-1, keepdim=True)).exp()
            share = share / share.sum(-1, keepdim=True)
            shown.append(share)
            out = out + share @ v @ self.proj.weight[:, head * d : (head + 1) * d].T
        return (out, torch.stack(shown, 1)) if need_weights else out


class AttentionFused(nn.Module):
    """torch's own, with values that name their key where the weights are asked for."""

    def __init__(self, dim, heads):
        super().__init__()
        assert dim % heads == 0
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.shape = (3, heads, dim // heads)

    def forward(self, x, need_weights=False):
        q, k, v = torch.unbind(self.qkv(x).unflatten(-1, self.shape).transpose(1, 3), dim=2)
        if need_weights:
            names = torch.eye(x.shape[1], dtype=x.dtype, device=x.device).expand(*q.shape[:2], -1, -1)
            weights = F.scaled_dot_product_attention(q, k, names)
            return self.proj(torch.einsum("nhij,nhjd->nihd", weights, v).flatten(2)), weights
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


# --- blocks ----------------------------------------------------------------------------------------------------------


class Leave(nn.Module):
    """Stochastic depth of its own."""

    def __init__(self, p=0.0):
        super().__init__()
        self.p = p

    def forward(self, x):
        if self.p > 0 and self.training:
            x = x.div(1 - self.p) * torch.bernoulli(torch.full((x.shape[0], 1, 1), 1 - self.p)).to(x)
        return x


class BlockInPlace(nn.Module):
    """The sum is written over the branch."""

    def __init__(self, dim, heads, mlp_ratio=4.0, drop_path=0.0):
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(dim, 1e-6) for _ in range(2))
        self.attn = AttentionFused(dim, heads)
        self.mlp = MlpAsSequence(dim, int(mlp_ratio * dim))
        self.drop_path1 = Leave(drop_path)
        self.drop_path2 = Leave(drop_path)

    def forward(self, x):
        first = self.drop_path1(self.attn(self.norm1(x)))
        first += x
        second = self.drop_path2(self.mlp(self.norm2(first)))
        second += first
        return second


class NormByHand(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(dim)), nn.Parameter(torch.zeros(dim))

    def forward(self, x):
        spread, mean = torch.var_mean(x, dim=-1, keepdim=True, correction=0)
        return torch.addcmul(self.bias, self.weight, (x - mean) / torch.sqrt(spread + 1e-6))


class BlockOfBranches(nn.Module):
    """A loop over two branches; a branch is drawn by comparing, and none is worked out in vain."""

    def __init__(self, dim, heads, mlp_ratio=4.0, drop_path=0.0):
        super().__init__()
        self.p = drop_path
        self.norm1 = NormByHand(dim)
        self.attn = AttentionInALoop(dim, heads)
        self.norm2 = NormByHand(dim)
        self.mlp = MlpByMatrices(dim, int(mlp_ratio * dim))

    def forward(self, x):
        for norm, branch in ((self.norm1, self.attn), (self.norm2, self.mlp)):
            if not self.training or self.p == 0:
                x = x + branch(norm(x))
                continue
            stays = torch.rand(x.shape[0], device=x.device) > self.p
            new = x.clone()
            new[stays] = x[stays] + branch(norm(x[stays])) / (1 - self.p)
            x = new
        return x


# --- the whole network -----------------------------------------------------------------------------------------------


class Patches(nn.Module):
    def __init__(self, size, channels, dim):
        super().__init__()
        self.proj = nn.Conv2d(channels, dim, kernel_size=size, stride=size)

    def forward(self, x):
        return self.proj(x).permute(0, 2, 3, 1)  # a grid of tokens


class NetOfGrids(nn.Module):
    """Positions are added to a grid of tokens; the class token's is added by itself."""

    def __init__(
        self,
        dim=192,
        depth=12,
        heads=3,
        image_size=224,
        patch_size=16,
        in_channels=3,
        num_classes=1000,
        mlp_ratio=4.0,
        class_token=True,
        drop_path=0.0,
    ):
        super().__init__()
        self.side = image_size // patch_size
        count = self.side**2
        if class_token:
            self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
            count += 1
        self.has_token = class_token
        self.pos_embed = nn.Parameter(self.cut_normal(1, count, dim))
        self.patch_embed = Patches(patch_size, in_channels, dim)
        rates = torch.linspace(0, drop_path, depth).tolist()
        self.blocks = nn.ModuleList([BlockInPlace(dim, heads, mlp_ratio, rates[i]) for i in range(depth)])
        setattr(self, "norm" if class_token else "fc_norm", nn.LayerNorm(dim, eps=1e-6))
        self.head = nn.Linear(dim, num_classes)
        self.apply(self.begin)

    @staticmethod
    def cut_normal(*shape):
        """What lies outside is drawn again."""
        drawn = torch.randn(shape)
        while (outside := drawn.abs() > 2).any():
            drawn[outside] = torch.randn(int(outside.sum()))
        return 0.02 * drawn

    def begin(self, layer):
        if isinstance(layer, nn.Linear):
            layer.weight.data = self.cut_normal(*layer.weight.shape)
            layer.bias.data.zero_()

    def embed(self, images):
        grid = self.patch_embed(images)
        rows, columns = grid.shape[1:3]
        places = self.pos_embed[:, 1:] if self.has_token else self.pos_embed
        places = places.reshape(1, self.side, self.side, -1)
        if (rows, columns) != (self.side, self.side):
            picture = places.permute(0, 3, 1, 2)
            picture = F.interpolate(picture, size=(rows, columns), mode="bicubic", antialias=True, align_corners=False)
            places = picture.permute(0, 2, 3, 1)
        tokens = (grid + places).flatten(1, 2)
        if not self.has_token:
            return tokens
        first = (self.cls_token + self.pos_embed[:, :1]).repeat(len(tokens), 1, 1)
        return torch.cat((first, tokens), dim=1)

    def forward(self, images):
        x = self.embed(images)
        for block in self.blocks:
            x = block(x)
        if self.has_token:
            return self.head(self.norm(x[:, 0]))
        return self.head(self.fc_norm(x.sum(1) / x.shape[1]))


class NetByMatrices(nn.Module):
    """Patches by unfold; blocks with branches in a loop; the parts that aren't used are None."""

    def __init__(self, dim=192, depth=12, heads=3, image_size=224, patch_size=16, in_channels=3, num_classes=1000,
                 mlp_ratio=4.0, class_token=True, drop_path=0.0):  # fmt: skip
        super().__init__()
        self.size, self.side = patch_size, image_size // patch_size
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(in_channels, dim, patch_size, patch_size)})
        self.blocks = nn.Sequential()
        for i in range(depth):
            self.blocks.append(BlockOfBranches(dim, heads, mlp_ratio, drop_path * i / (depth - 1) if i else 0.0))
        self.head = nn.Linear(dim, num_classes)
        self.register_parameter("cls_token", nn.Parameter(torch.zeros(1, 1, dim)) if class_token else None)
        self.pos_embed = nn.Parameter(torch.empty(1, self.side * self.side + int(class_token), dim))
        self.norm = NormByHand(dim) if class_token else None
        self.fc_norm = None if class_token else NormByHand(dim)
        for name, weight in self.named_parameters():
            if weight.ndim == 2 or name == "pos_embed":
                nn.init.trunc_normal_(weight, 0.0, 0.02, -0.04, 0.04)
            elif name.endswith(("qkv.bias", "proj.bias", "fc1.bias", "fc2.bias", "head.bias")):
                nn.init.zeros_(weight)

    def embed(self, images):
        rows, columns = (length // self.size for length in images.shape[2:])
        layer = self.patch_embed["proj"]
        tokens = layer.weight.flatten(1) @ F.unfold(images, self.size, stride=self.size)
        tokens = tokens.mT + layer.bias
        places = self.pos_embed
        if self.cls_token is not None:
            tokens = F.pad(tokens, (0, 0, 1, 0)) + F.pad(self.cls_token, (0, 0, 0, tokens.shape[1]))
        if (rows, columns) != (self.side, self.side):
            first, places = places.split([places.shape[1] - self.side**2, self.side**2], dim=1)
            picture = places.mT.reshape(1, -1, self.side, self.side)
            resize = nn.functional.interpolate
            places = resize(picture, (rows, columns), mode="bicubic", antialias=True).flatten(2).mT
            places = torch.cat([first, places], 1)
        return tokens + places

    def forward(self, images):
        x = self.blocks(self.embed(images))
        if self.cls_token is None:
            return self.head(self.fc_norm(x.mean(dim=1)))
        return self.head(self.norm(x).select(1, 0))


# --- other names -----------------------------------------------------------------------------------------------------


def renamed_by_replacing(state):
    """One replacement after the other, in an order that matters."""
    rules = [
        ("vit.encoder.layer.", "blocks."),
        ("attention.output.dense", "attn.proj"),
        ("layernorm_before", "norm1"),
        ("layernorm_after", "norm2"),
        ("intermediate.dense", "mlp.fc1"),
        ("output.dense", "mlp.fc2"),
        ("vit.layernorm", "norm"),
        ("vit.embeddings.patch_embeddings.projection", "patch_embed.proj"),
        ("vit.embeddings.cls_token", "cls_token"),
        ("vit.embeddings.position_embeddings", "pos_embed"),
        ("classifier", "head"),
    ]
    result = {}
    for key in state:
        new = key
        for old, other in rules:
            new = new.replace(old, other)
        result[new] = state[key]
    for key in [key for key in result if "attention.attention.query" in key]:
        q, k, v = (result.pop(key.replace("query", part)) for part in ("query", "key", "value"))
        result[key.replace("attention.attention.query", "attn.qkv")] = torch.vstack([q, k, v]) if q.ndim > 1 else (
            torch.hstack([q, k, v])
        )  # fmt: skip
    return result


def renamed_by_our_names(state):
    """From our names to theirs: what each of ours is made of."""
    depth = 1 + max(int(found.group(1)) for name in state if (found := re.search(r"layer\.(\d+)\.", name)))
    kinds = ("weight", "bias")
    ours = {"cls_token": ["vit.embeddings.cls_token"], "pos_embed": ["vit.embeddings.position_embeddings"]}
    for kind in kinds:
        ours[f"patch_embed.proj.{kind}"] = [f"vit.embeddings.patch_embeddings.projection.{kind}"]
        ours[f"norm.{kind}"] = [f"vit.layernorm.{kind}"]
        ours[f"head.{kind}"] = [f"classifier.{kind}"]
        for i in range(depth):
            layer = f"vit.encoder.layer.{i}"
            ours[f"blocks.{i}.norm1.{kind}"] = [f"{layer}.layernorm_before.{kind}"]
            ours[f"blocks.{i}.norm2.{kind}"] = [f"{layer}.layernorm_after.{kind}"]
            three = [f"{layer}.attention.attention.{part}.{kind}" for part in ("query", "key", "value")]
            ours[f"blocks.{i}.attn.qkv.{kind}"] = three
            ours[f"blocks.{i}.attn.proj.{kind}"] = [f"{layer}.attention.output.dense.{kind}"]
            ours[f"blocks.{i}.mlp.fc1.{kind}"] = [f"{layer}.intermediate.dense.{kind}"]
            ours[f"blocks.{i}.mlp.fc2.{kind}"] = [f"{layer}.output.dense.{kind}"]
    return {name: torch.cat([state[theirs] for theirs in names]) for name, names in ours.items()}


ALTERNATIVES = {
    "vit.Mlp": [MlpAsSequence, MlpByMatrices, MlpOfTokens],
    "vit.SelfAttention": [AttentionByReshape, AttentionInALoop, AttentionFused],
    "vit.TransformerBlock": [BlockInPlace, BlockOfBranches],
    "vit.VisionTransformer": [NetOfGrids, NetByMatrices],
    "vit.from_hugging_face": [renamed_by_replacing, renamed_by_our_names],
}
