"""Free text as numbers, without any package for it."""

import re

import torch
from jaxtyping import Int
from torch import Tensor


def note_tokens(notes: list[str], vocabulary: list[str], length: int) -> Int[Tensor, "N length"]:
    """Turn notes into rows of `length` word numbers, int64.

    A note is read in lower case; its words are the longest runs of the letters a to z and the
    digits 0 to 9, and everything else stands between words. Word number i of `vocabulary`
    (from 0, in lower case) is 2 + i, any other word is 1 (unknown). Of a note with more words the
    first `length` stay; a shorter one is filled up with 0 (padding) at its end.

    Vocabulary ["old", "blurred"], length 4: "Blurred, left-old" has the words blurred, left, old
    and becomes [3, 1, 2, 0]; "" becomes [0, 0, 0, 0].
    """
    numbers = {word: 2 + index for index, word in enumerate(vocabulary)}
    found = torch.zeros(len(notes), length, dtype=torch.long)
    for row, note in zip(found, notes, strict=True):
        words = re.findall("[a-z0-9]+", note.lower())[:length]
        row[: len(words)] = torch.tensor([numbers.get(word, 1) for word in words])
    return found
