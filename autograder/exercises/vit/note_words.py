"""Free text as rows of word numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from autograder.spec import Case, Exercise, Rng, Speed, Wrong, of_call

PADDING, UNKNOWN, FIRST = 0, 1, 2
Words = Callable[[str], list[str]]
Number = Callable[[list[str]], Callable[[str], int]]


def words_of(note: str) -> list[str]:
    """Letter by letter, without an expression to search for."""
    apart = "".join(c if "a" <= c <= "z" or "0" <= c <= "9" else " " for c in note.lower())
    return apart.split()


def numbers_of(vocabulary: list[str]) -> Callable[[str], int]:
    known = {word: FIRST + index for index, word in enumerate(vocabulary)}
    return lambda word: known.get(word, UNKNOWN)


def filled_up(numbers: list[int], length: int) -> list[int]:
    return [*numbers[:length], *[PADDING] * (length - len(numbers))]


def as_table(rows: list[list[int]], length: int) -> Tensor:
    return torch.tensor(rows, dtype=torch.int64).reshape(len(rows), length)


def oracle(notes: list[str], vocabulary: list[str], length: int) -> Tensor:
    number = numbers_of(vocabulary)
    return as_table([filled_up([number(word) for word in words_of(note)], length) for note in notes], length)


VOCABULARY = ["old", "blurred", "vision", "left", "right", "eye", "insulin", "hba1c", "20", "40", "no", "pain", "since"]
OTHERS = ["patient", "drusen", "1990", "x", "floaters", "olds", "blur"]
BETWEEN = [" ", "  ", ", ", ". ", "-", "/", "; ", "\n", " (", ") ", "_", "'", "+"]


def pick(rng: Rng, among: list[str]) -> str:
    return among[int(rng.integers(0, len(among), 1))]


def note_of(rng: Rng, count: int) -> str:
    """Words known and unknown, some in capitals, with all kinds of things between them."""
    parts = []
    for _ in range(count):
        word = pick(rng, VOCABULARY if float(rng.uniform(1)) < 0.7 else OTHERS)
        style = pick(rng, ["lower", "lower", "capitalize", "upper"])
        parts += [getattr(word, style)(), pick(rng, BETWEEN)]
    return "".join(parts)


def mixed(rng: Rng, words: list[str]) -> list[str]:
    return [words[int(index)] for index in rng.permutation(len(words))]


def case(name: str, notes: list[str], vocabulary: list[str], length: int) -> Case:
    return of_call(name, notes=notes, vocabulary=vocabulary, length=length)


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "two notes, by hand",
        notes=["Blurred, left-old", ""],
        vocabulary=["old", "blurred"],
        length=4,
        expect=torch.tensor([[3, 1, 2, 0], [0, 0, 0, 0]]),
        note="blurred is word 1 of the vocabulary: 2 + 1 = 3; left isn't in it: 1; old: 2 + 0 = 2; then padding: 0",
    )
    yield case("one note, shorter than the row", [note_of(rng, 5)], mixed(rng, VOCABULARY), 8)
    yield case("more words than places", [note_of(rng, 9), note_of(rng, 12)], mixed(rng, VOCABULARY), 5)
    yield case("as many words as places", [note_of(rng, 6)], mixed(rng, VOCABULARY), 6)
    capitals = ["PAIN since 1990", "Left EYE, Right eye", "insulin: NO"]
    yield case("capitals", mixed(rng, capitals), mixed(rng, VOCABULARY), 5)
    digits = ["HbA1c 8.2", "vision 20/40", "type-2, since 1990"]
    yield case("words with digits", mixed(rng, digits), mixed(rng, VOCABULARY), 6)
    joined = ["blurred/left", "eye.pain,insulin", "the patient's no_pain", "(old)"]
    yield case("words that touch", mixed(rng, joined), mixed(rng, VOCABULARY), 7)
    longer = ["oldest, painful", "no visionary eyesight"]
    yield case("longer words around known ones", mixed(rng, longer), mixed(rng, VOCABULARY), 4)
    foreign = ["vision à gauche", "left eye: glaucôme", "schmerz → pain", "20 µm"]
    yield case("letters from elsewhere stand between words", mixed(rng, foreign), mixed(rng, VOCABULARY), 6)
    unknown = " ".join(mixed(rng, OTHERS)[:3])
    yield case("no word is known", [unknown, "...", " \n "], mixed(rng, VOCABULARY), 4)
    yield case("no vocabulary", [note_of(rng, 4)], [], 6)
    yield case("room for one word", [note_of(rng, 3), "", "Old"], mixed(rng, VOCABULARY), 1)
    yield case("a word again and again", ["no, no, no pain no"], mixed(rng, VOCABULARY), 9)
    yield case("a dozen notes", [note_of(rng, index) for index in range(12)], mixed(rng, VOCABULARY), 8)


def many(rng: Rng) -> Case:
    """A large vocabulary, mostly of words that the notes have late."""
    vocabulary = [f"word{index}" for index in range(3000)]
    notes = [" ".join(f"Word{number}" for number in rng.integers(0, 3500, 30).tolist()) for _ in range(150)]
    return case("speed", notes, vocabulary, 32)


def twisted(
    *,
    words: Words = words_of,
    number: Number = numbers_of,
    fill: Callable[[list[int], int], list[int]] = filled_up,
) -> Callable[[list[str], list[str], int], Tensor]:
    """The oracle, with other words, other numbers for them, or another way to fill a row."""

    def answer(notes: list[str], vocabulary: list[str], length: int) -> Tensor:
        own = number(vocabulary)
        return as_table([fill([own(word) for word in words(note)], length) for note in notes], length)

    return answer


def letters_cut(notes: list[str], vocabulary: list[str], length: int) -> Tensor:
    return oracle([note[:length] for note in notes], vocabulary, length)


def unknown_dropped(numbers: list[int], length: int) -> list[int]:
    return filled_up([value for value in numbers if value != UNKNOWN], length)


def padding_first(numbers: list[int], length: int) -> list[int]:
    return [*[PADDING] * (length - len(numbers)), *numbers[:length]]


def the_last(numbers: list[int], length: int) -> list[int]:
    return filled_up(numbers[-length:], length)


def swapped(numbers: list[int], length: int) -> list[int]:
    return [{PADDING: UNKNOWN, UNKNOWN: PADDING}.get(value, value) for value in filled_up(numbers, length)]


def from_one(vocabulary: list[str]) -> Callable[[str], int]:
    number = numbers_of(vocabulary)
    return lambda word: number(word) - (word in vocabulary)


def from_three(vocabulary: list[str]) -> Callable[[str], int]:
    number = numbers_of(vocabulary)
    return lambda word: number(word) + (word in vocabulary)


def unknown_as_padding(vocabulary: list[str]) -> Callable[[str], int]:
    number = numbers_of(vocabulary)
    return lambda word: number(word) if word in vocabulary else PADDING


def by_alphabet(vocabulary: list[str]) -> Callable[[str], int]:
    return numbers_of(sorted(vocabulary))


def by_beginning(vocabulary: list[str]) -> Callable[[str], int]:
    """The first word of the vocabulary that the word has in it."""

    def number(word: str) -> int:
        return next((FIRST + index for index, known in enumerate(vocabulary) if known in word), UNKNOWN)

    return number


def once_each(numbers: list[int], length: int) -> list[int]:
    return filled_up(list(dict.fromkeys(numbers)), length)


def in_order(numbers: list[int], length: int) -> list[int]:
    return filled_up(sorted(numbers[:length]), length)


WORDS = (
    Wrong(
        "splits at spaces only",
        twisted(words=lambda note: note.lower().split()),
        says='punctuation sticks to the words: "blurred," is not the word "blurred".',
        look="a word is a run of a to z and 0 to 9; everything else stands between words.",
    ),
    Wrong(
        "splits at each single space",
        twisted(words=lambda note: note.lower().split(" ")),
        says="the note is cut at each single space: punctuation sticks to the words, and between two spaces, or in an "
        "empty note, stands an empty word.",
        look="a word is a run of a to z and 0 to 9, at least one of them.",
    ),
    Wrong(
        "takes nothing for a word",
        twisted(words=lambda note: re.split("[^a-z0-9]+", note.lower())),
        says="before a first, or behind a last, piece of punctuation an empty word is counted.",
        look="what re.split gives for an empty note; findall looks for the words themselves.",
    ),
    Wrong(
        "joins what punctuation holds apart",
        twisted(words=lambda note: re.sub(r"[^a-z0-9\s]", "", note.lower()).split()),
        says='punctuation is deleted, so "left-old" becomes one word, "leftold".',
        look="put a space in its place, or look for the words themselves.",
    ),
    Wrong(
        "keeps capitals",
        twisted(words=lambda note: re.findall("[A-Za-z0-9]+", note)),
        says='"Blurred" is not found, since the vocabulary is in lower case.',
        look="lower() comes first.",
    ),
    Wrong(
        "loses capitals",
        twisted(words=lambda note: re.findall("[a-z0-9]+", note)),
        says='capitals are lost: of "Blurred" only "lurred" is left.',
        look="lower() comes first.",
    ),
    Wrong(
        "takes digits for gaps",
        twisted(words=lambda note: re.findall("[a-z]+", note.lower())),
        says='digits stand between words, so "hba1c" falls apart and "20" is lost.',
        look="a word may hold 0 to 9.",
    ),
    Wrong(
        "takes all letters and the underscore for words",
        twisted(words=lambda note: re.findall(r"\w+", note.lower())),
        says=r"\w matches the underscore and the letters of all alphabets too.",
        look="a to z and 0 to 9, nothing else.",
    ),
)

NUMBERS = (
    Wrong(
        "counts from 1",
        twisted(number=from_one),
        says="the first word of the vocabulary is 1, the number of unknown words.",
        look="two numbers are taken: 0 for padding and 1 for unknown.",
    ),
    Wrong(
        "counts from 3",
        twisted(number=from_three),
        says="the first word of the vocabulary is 3; only 0 and 1 are taken.",
        look="word i is 2 + i, and i counts from 0.",
    ),
    Wrong(
        "drops unknown words",
        twisted(fill=unknown_dropped),
        says="unknown words are left out; they stay, as 1, and take a place.",
        look="what does your look-up give for a word that isn't there?",
    ),
    Wrong(
        "takes unknown words for padding",
        twisted(number=unknown_as_padding),
        says="an unknown word is 0, as if nothing stood there.",
        look="0 is padding, 1 is unknown.",
    ),
    Wrong(
        "swaps padding and unknown",
        twisted(fill=swapped),
        says="padding is 1 and unknown is 0.",
        look="0 is padding, 1 is unknown.",
    ),
    Wrong(
        "sorts the vocabulary",
        twisted(number=by_alphabet),
        says="words are numbered by the alphabet; their place in `vocabulary` counts.",
        look="enumerate(vocabulary).",
    ),
    Wrong(
        "finds words inside other words",
        twisted(number=by_beginning),
        says='a known word is found inside a longer one, "old" in "olds".',
        look='whole words are compared. (`"old" in "olds"` is True for strings.)',
    ),
)

ROWS = (
    Wrong(
        "puts the padding first",
        twisted(fill=padding_first),
        says="a short note stands at the end of its row; the padding comes after the words.",
        look="which comes first in your row?",
    ),
    Wrong(
        "keeps the last words",
        twisted(fill=the_last),
        says="of a long note the last words stay; the first do.",
        look="[:length].",
    ),
    Wrong(
        "cuts off letters",
        letters_cut,
        says="of a note the first `length` letters are read; it is words that are counted.",
        look="cut the list of words, not the text.",
    ),
    Wrong(
        "takes each word once",
        twisted(fill=once_each),
        says="a word that comes again is left out; every word takes its place, in the note's order.",
        look="a list, not a set.",
    ),
    Wrong(
        "sorts the words",
        twisted(fill=in_order),
        says="the numbers of a row are sorted; they stay in the order of the note.",
        look="one number for each word, one after the other.",
    ),
)

NOTE_TOKENS = Exercise(
    id="vit.note_tokens",
    cases=cases,
    oracle=oracle,
    wrong=(*WORDS, *NUMBERS, *ROWS),
    hints=(
        're.findall("[a-z0-9]+", note.lower()) gives the words.',
        "A dictionary from each word of the vocabulary to 2 + its index; .get(word, 1) finds the unknown ones.",
        "Start from torch.zeros(len(notes), length, dtype=torch.int64), and fill in the beginning of each row.",
    ),
    points=2,
    minutes=12,
    forbidden=("sklearn", "transformers", "tokenizers", "torchtext", "nltk", "spacy", "keras"),
    speed=Speed(case=many, limit=4.0, against="a dictionary in Python"),
)

EXERCISES = (NOTE_TOKENS,)
