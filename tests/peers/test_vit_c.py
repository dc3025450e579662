"""Lesson 04, part c, against scikit-learn and torch: tables, words, fusion, agreement, importance."""

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.inspection import permutation_importance as peer_importance
from sklearn.linear_model import Ridge
from sklearn.metrics import cohen_kappa_score
from sklearn.preprocessing import StandardScaler
from torch import nn

import solutions.vit as ours
from tests.peers.comparing import BOTH, close, normal, same

NAN = float("nan")


def table_with_gaps(rows, columns, seed=0, dtype=torch.float64):
    """At least one value of the first row stays known in every column."""
    values = 3 * normal(rows, columns, seed=seed, dtype=dtype) + 5
    gaps = normal(rows, columns, seed=seed + 50) < -0.5
    gaps[0] = False
    return values.masked_fill(gaps, NAN)


# --- tables ----------------------------------------------------------------------------------------------------------


def imputed_by_sklearn(train, rows):
    known, asked = train.numpy(), rows.numpy()
    imputer = SimpleImputer(strategy="median", keep_empty_features=True).fit(known)
    scaler = StandardScaler().fit(imputer.transform(known))
    missing = MissingIndicator(features="all").fit(known).transform(asked)
    return torch.from_numpy(np.hstack([scaler.transform(imputer.transform(asked)), missing]))


@pytest.mark.parametrize("shape", [(1, 3), (2, 1), (7, 4), (8, 4), (40, 11)], ids=str)
def test_impute(shape):
    train, rows = table_with_gaps(*shape), table_with_gaps(5, shape[1], seed=1)
    kept = train.clone(), rows.clone()
    wanted = imputed_by_sklearn(train, rows)
    close(ours.impute(train, rows), wanted)
    assert torch.equal(train.nan_to_num(0.5), kept[0].nan_to_num(0.5))
    assert torch.equal(rows.nan_to_num(0.5), kept[1].nan_to_num(0.5))
    close(ours.impute(train.float(), rows.float()), imputed_by_sklearn(train.float(), rows.float()).float())


def test_imputed_training_data_have_mean_0_and_deviation_1():
    train = table_with_gaps(60, 6)
    values, missing = ours.impute(train, train).chunk(2, dim=1)
    close(values.mean(0), torch.zeros(6, dtype=torch.float64))
    close(values.std(0, correction=0), torch.ones(6, dtype=torch.float64))
    assert torch.equal(missing.bool(), train.isnan())


@BOTH
@pytest.mark.parametrize("constant", [0.0, 5.0, 0.1, 1e6 + 0.1])
def test_a_constant_column_is_centred_and_not_divided(constant, dtype):
    train = table_with_gaps(33, 3, dtype=dtype)
    train[:, 1] = torch.where(train[:, 1].isnan(), NAN, constant)
    rows = train[:2].clone()
    rows[1, 1] += 2
    found = ours.impute(train, rows)
    assert found.isfinite().all()
    room = 1e-5 * max(1.0, constant) if dtype == torch.float32 else 1e-9
    torch.testing.assert_close(found[:, 1], torch.tensor([0.0, 2.0], dtype=dtype), rtol=0, atol=room)


@BOTH
def test_of_a_column_without_any_known_value_gaps_are_0(dtype):
    train = table_with_gaps(9, 3, dtype=dtype)
    train[:, 2] = NAN
    rows = torch.tensor([[1.0, 2.0, NAN], [NAN, 1.0, 3.0]], dtype=dtype)
    assert ours.impute(train, rows)[:, 2].tolist() == [0.0, 3.0]
    assert ours.impute(train, rows)[:, 3:].tolist() == [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]


@BOTH
def test_column_tokens_are_a_linear_layer_for_each_column(dtype):
    mine = ours.TabularTokens(4, 6).to(dtype)
    table = normal(5, 4, dtype=dtype)

    def peer(rows):
        layers = zip(mine.weight, mine.bias, strict=True)
        parts = [nn.functional.linear(rows[:, j : j + 1], w[:, None], b) for j, (w, b) in enumerate(layers)]
        return torch.stack(parts, dim=1)

    same(mine, peer, table)
    back = normal(5, 4, 6, seed=9, dtype=dtype)
    for got, wanted in zip(
        *(torch.autograd.grad(f(table), mine.parameters(), back) for f in (mine, peer)), strict=True
    ):
        close(got, wanted)


def test_new_column_tokens_start_uniform():
    for parameter in ours.TabularTokens(200, 64).parameters():
        assert parameter.abs().max() <= 0.125
        assert abs(parameter.std() * 3**0.5 / 0.125 - 1) < 0.05


# --- notes -----------------------------------------------------------------------------------------------------------

VOCABULARY = ["old", "blurred", "hba1c", "20", "pain", "left"]
NOTES = ["Blurred, left-OLD!", "", "HbA1c: 8.2\n20/40", "pain_pain-pain", "schmerz à gauche … no", "left " * 9]


@pytest.mark.parametrize("length", [1, 4, 12])
def test_words_and_numbers_are_those_of_a_count_vectorizer(length):
    words = CountVectorizer(token_pattern="[a-z0-9]+").build_analyzer()
    found = ours.note_tokens(NOTES, VOCABULARY, length)
    assert found.shape == (len(NOTES), length)
    assert found.dtype == torch.int64
    for note, row in zip(NOTES, found.tolist(), strict=True):
        wanted = [VOCABULARY.index(word) + 2 if word in VOCABULARY else 1 for word in words(note)][:length]
        assert row == wanted + [0] * (length - len(wanted))


def test_no_notes():
    assert ours.note_tokens([], VOCABULARY, 3).shape == (0, 3)
    assert ours.note_tokens(["old"], [], 2).tolist() == [[1, 0]]


# --- fusion ----------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("train", [True, False])
def test_concatenation(train, dtype):
    mine = ours.ConcatFusion(6, 3, 5, hidden=7).to(dtype).train(train)
    peer = nn.Sequential(nn.Linear(9, 7), nn.ReLU(), nn.Linear(7, 5)).to(dtype)
    peer.load_state_dict({key.replace("fc1", "0").replace("fc2", "2"): v for key, v in mine.state_dict().items()})
    inputs = normal(4, 8, 6, dtype=dtype), normal(4, 3, seed=1, dtype=dtype)
    same(mine, lambda tokens, table: peer(torch.hstack([tokens.mean(1), table])), *inputs)


class Peer(nn.Module):
    """The same of torch's own layers, with the numbers of ours."""

    def __init__(self, mine, dim, heads):
        super().__init__()
        self.mine = mine
        self.attend = nn.MultiheadAttention(dim, heads, batch_first=True).to(mine.head.weight)
        own = mine.attend
        with torch.no_grad():
            weights = (own.q_proj_weight, own.k_proj_weight, own.v_proj_weight)
            self.attend.in_proj_weight.copy_(torch.cat(weights))
            self.attend.in_proj_bias.copy_(own.in_proj_bias)
            self.attend.out_proj.load_state_dict(own.out_proj.state_dict())

    def forward(self, tokens, table, notes=None):
        context, hidden = self.mine.columns(table), torch.zeros_like(table, dtype=torch.bool)
        if notes is not None:
            context = torch.cat([context, self.mine.words(notes)], 1)
            hidden = torch.cat([hidden, notes == 0], 1)
        found, weights = self.attend(tokens, context, context, key_padding_mask=hidden, average_attn_weights=False)
        normed = nn.functional.layer_norm(
            tokens + found, tokens.shape[-1:], self.mine.norm.weight, self.mine.norm.bias, 1e-6
        )
        return self.mine.head(normed.mean(1)), weights


def fused(dtype, vocabulary=9):
    torch.manual_seed(0)
    mine = ours.CrossAttentionFusion(8, 3, 5, heads=2, vocabulary=vocabulary).to(dtype)
    nn.init.normal_(mine.attend.in_proj_bias)
    return mine, Peer(mine, 8, 2), normal(3, 6, 8, dtype=dtype), normal(3, 3, seed=1, dtype=dtype)


@BOTH
@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("noted", [True, False])
def test_cross_attention(noted, train, dtype):
    mine, peer, tokens, table = fused(dtype)
    notes = torch.tensor([[2, 1, 10, 5], [3, 1, 0, 0], [0, 0, 0, 0]]) if noted else None
    mine.train(train)
    peer.train(train)
    same(lambda *a: mine(*a, notes), lambda *a: peer(*a, notes)[0], tokens, table)
    for got, wanted in zip(mine(tokens, table, notes, need_weights=True), peer(tokens, table, notes), strict=True):
        close(got.detach(), wanted.detach())
    back = normal(3, 5, seed=9, dtype=dtype)
    shared = [*mine.columns.parameters(), *mine.norm.parameters(), *mine.head.parameters()]
    shared += [mine.words.weight] if noted else []
    own, theirs = mine.attend, peer.attend
    found = torch.autograd.grad(mine(tokens, table, notes), [*shared, own.in_proj_bias, own.q_proj_weight], back)
    outputs = peer(tokens, table, notes)[0]
    wanted = torch.autograd.grad(outputs, [*shared, theirs.in_proj_bias, theirs.in_proj_weight], back)
    for got, right in zip(found, [*wanted[:-1], wanted[-1][:8]], strict=True):
        close(got, right)


def test_words_behind_padding_change_nothing():
    mine, _, tokens, table = fused(torch.float64)
    notes = torch.tensor([[2, 3, 4], [5, 6, 7], [1, 1, 1]])
    longer = nn.functional.pad(notes, (0, 5))
    close(mine(tokens, table, longer).detach(), mine(tokens, table, notes).detach())
    close(mine(tokens, table, torch.zeros_like(notes)).detach(), mine(tokens, table).detach())
    weights = mine(tokens, table, longer, need_weights=True)[1]
    assert weights.shape == (3, 2, 6, 3 + 8)
    assert (weights[..., 6:] == 0).all()


def test_notes_for_a_layer_that_cannot_read_are_refused():
    mine, _, tokens, table = fused(torch.float64, vocabulary=0)
    assert mine.words is None
    with pytest.raises(ValueError, match="knows no words"):
        mine(tokens, table, torch.ones(3, 2, dtype=torch.int64))
    with pytest.raises(ValueError, match="evenly"):
        ours.CrossAttentionFusion(6, 3, 5, heads=4)


# --- judging ---------------------------------------------------------------------------------------------------------


def grades(count, classes, seed):
    return torch.randint(classes, (count,), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("classes", [2, 3, 5, 9])
@pytest.mark.parametrize("count", [2, 10, 300])
def test_kappa(count, classes):
    labels = grades(count, classes, 1)
    predicted = torch.where(grades(count, 2, 2) > 0, labels, grades(count, classes, 3))
    predicted[0], labels[0] = 0, classes - 1
    for one, other in ((labels, predicted), (predicted, labels), (labels, classes - 1 - labels), (labels, labels)):
        if len(torch.cat([one, other]).unique()) > 1:
            wanted = cohen_kappa_score(one.numpy(), other.numpy(), weights="quadratic", labels=range(classes))
            close(ours.quadratic_weighted_kappa(one, other, classes), torch.tensor(wanted, dtype=torch.float32))


def test_kappa_of_an_answer_that_is_the_same_for_all_is_0():
    labels = grades(50, 5, 0)
    for label in (labels, torch.full_like(labels, 2), torch.full_like(labels, 3)):
        assert ours.quadratic_weighted_kappa(label, torch.full_like(labels, 3), 5) == 0


def test_kappa_of_a_million_grades():
    labels, predicted = grades(10**6, 5, 0), grades(10**6, 5, 1)
    assert abs(ours.quadratic_weighted_kappa(labels, predicted, 5)) < 0.01
    assert ours.quadratic_weighted_kappa(labels, labels, 5) == 1


def orders_of_sklearn(rounds, count, seed):
    """What its permutations come to: it shuffles an index again and again, and applies it to what is mixed already."""
    state = np.random.RandomState(np.random.RandomState(seed).randint(np.iinfo(np.int32).max + 1))
    index, whole = np.arange(count), np.arange(count)
    found = []
    for _ in range(rounds):
        state.shuffle(index)
        whole = whole[index]
        found.append(torch.from_numpy(whole.copy()))
    return torch.stack(found)


def test_permutation_importance():
    table = normal(40, 5)
    target = table @ torch.tensor([3.0, 0.0, -1.0, 0.3, 0.0], dtype=torch.float64) + normal(40, seed=1)
    model = Ridge().fit(table.numpy(), target.numpy())
    wanted = peer_importance(model, table.numpy(), target.numpy(), n_repeats=7, random_state=4)
    orders = orders_of_sklearn(7, 40, 4)
    kept = table.clone()
    found = ours.permutation_importance(lambda rows: model.score(rows.numpy(), target.numpy()), table, orders)
    close(found, torch.from_numpy(wanted.importances_mean))
    assert torch.equal(table, kept)
    assert ours.permutation_importance(lambda rows: rows[0].sum(), table.float(), orders).dtype == torch.float32


def test_worked_examples_of_the_docstrings():
    found = ours.impute(torch.tensor([[1.0], [NAN], [3.0], [8.0]]), torch.tensor([[NAN], [8.0]]))
    torch.testing.assert_close(found, torch.tensor([[-0.29, 1.0], [1.643, 0.0]]), rtol=0, atol=1e-3)
    assert ours.note_tokens(["Blurred, left-old", ""], ["old", "blurred"], 4).tolist() == [[3, 1, 2, 0], [0, 0, 0, 0]]
    tokens = ours.TabularTokens(2, 2)
    tokens.weight.data, tokens.bias.data = torch.tensor([[1.0, 0], [3, 1]]), torch.tensor([[0.0, 5], [0, 0]])
    assert tokens(torch.tensor([[2.0, -1.0]])).tolist() == [[[2.0, 5.0], [-3.0, -1.0]]]
    kappa = ours.quadratic_weighted_kappa(torch.tensor([0, 0, 2, 2]), torch.tensor([0, 1, 2, 2]), 3)
    assert round(float(kappa), 3) == 0.857
    table, orders = torch.tensor([[1.0, 5.0], [2.0, 5.0]]), torch.tensor([[1, 0]])
    assert ours.permutation_importance(lambda rows: rows[0].sum(), table, orders).tolist() == [-1.0, 0.0]
