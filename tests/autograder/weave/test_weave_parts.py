"""The pieces by themselves: names of code, cutting definitions, markers, import lines, the interview bank."""

import pytest

from autograder import interview
from autograder.weave.imports import import_cell, mine_lines
from autograder.weave.markers import CannotAsk, asked
from autograder.weave.marks import ExerciseMark
from autograder.weave.names import bound_names, free_names
from autograder.weave.problems import Problems
from autograder.weave.source import Import, read_reference


@pytest.mark.parametrize(
    ("code", "free"),
    [
        ("a = b\nprint(a, c)", {"b": 1, "c": 2}),
        ("for i in range(n):\n    i + 1", {"n": 1}),
        ("[x * y for x in xs]", {"y": 1, "xs": 1}),
        ("def f(x: T = d) -> R:\n    y = x\n    return y + g", {"T": 1, "d": 1, "R": 1, "g": 3}),
        ("class C(B):\n    size: int = n\n    def f(self):\n        return self.size, C, m", {"B": 1, "n": 2, "m": 4}),
        ("import a.b as c\nfrom d import e\nc, e, a", {"a": 3}),
        ('def f(x: Float[Tensor, "N C"]): ...', {"Float": 1, "Tensor": 1}),
        ("def f():\n    global made\n    made = 1\nmade", {}),
        ("lambda q: q + r", {"r": 1}),
        ("with open(p) as f, g as h:\n    f, h", {"p": 1, "g": 1}),
        ("try:\n    pass\nexcept E as error:\n    error", {"E": 3}),
        ("if (n := 3) > 2:\n    n", {}),
        ("f'{a} {b!r:{w}}'", {"a": 1, "b": 1, "w": 1}),
    ],
)
def test_free_names(code, free):
    assert free_names(code) == free


def test_bound_names():
    code = "import a.b\nfrom c import d as e\nf = g = 1\nfor h, i in []:\n    j: int = 2\n"
    code += "def k(l):\n    m = 1\nclass N:\n    o = 1"
    assert bound_names(code) == {"a", "e", "f", "g", "h", "i", "j", "k", "N"}


def reference(tmp_path, text):
    (tmp_path / "thing.py").write_text(text, encoding="utf-8")
    problems = Problems()
    found = read_reference(tmp_path, "thing", problems)
    assert problems.found == []
    return found.definitions


def lines_asked(tmp_path, text, mark=None):
    (definition,) = reference(tmp_path, text).values()
    return asked(definition, mark or ExerciseMark(1, "f")).text.split("\n")


FUNCTION = """@first
@second(
    1,
)
def f(
    x,  # why
    *,
    y=2,
):
    # odd   spacing
    return (x
      + y)
    # the end"""


def test_definitions_keep_their_exact_text(tmp_path):
    values = "SIZE: int = 3  # pixels\na, b = 1, 2\nif SIZE:\n    c = 1\n"
    found = reference(tmp_path, f"# above\n{FUNCTION}\n\n\n# below\n{values}")
    assert list(found) == ["f", "SIZE"]
    assert (found["f"].text, found["f"].line, found["f"].kind) == (FUNCTION, 2, "function")
    assert (found["SIZE"].text, found["SIZE"].kind) == ("SIZE: int = 3  # pixels", "value")


def test_imports_of_a_file(tmp_path):
    text = "from __future__ import annotations\nimport torch.nn.functional as F\n"
    text += "from solutions.lenet import conv2d\nfrom .x import y\nx = F"
    definition = reference(tmp_path, text)["x"]
    assert definition.imports == {"F": Import("torch.nn.functional", "", "F")}
    assert definition.course == {"conv2d": "lenet", "y": "thing"}


def test_markers_in_a_function_without_docstring(tmp_path):
    text = 'def f(x="#:", *, y: dict = {1: 2}) -> int:  # a: comment\n\n    # first\n    return 1\n'
    assert lines_asked(tmp_path, text) == [
        'def f(x="#:", *, y: dict = {1: 2}) -> int:  # a: comment',
        "",
        "    ### BEGIN SOLUTION",
        "    # first",
        "    return 1",
        "    ### END SOLUTION",
    ]


CLASS = '''class C(Base):
    """Doc."""

    kept = [
        1,
    ]

    def __init__(self, x: int,
                 y: int) -> None:
        """Makes it."""
        super().__init__(x)  # kept

        # hidden
        self.y = y

    @staticmethod
    def helper() -> None:
        pass

    def only(self) -> None:
        """Says enough."""

    def forward(self, x):
        def inner():
            return 1
        return inner()
'''


def test_markers_in_a_class(tmp_path):
    lines = lines_asked(tmp_path, CLASS)
    assert [line.strip() for line in lines].count("### BEGIN SOLUTION") == 3
    assert lines[11:16] == [
        "",
        "        ### BEGIN SOLUTION",
        "        # hidden",
        "        self.y = y",
        "        ### END SOLUTION",
    ]
    assert lines[-5:] == [
        "        ### BEGIN SOLUTION",
        "        def inner():",
        "            return 1",
        "        return inner()",
        "        ### END SOLUTION",
    ]


def test_ask_and_given_choose_methods(tmp_path):
    one = lines_asked(tmp_path, CLASS, ExerciseMark(1, "C", ask=("forward",)))
    other = lines_asked(tmp_path, CLASS, ExerciseMark(1, "C", given=("__init__", "helper")))
    assert one == other
    assert "\n".join(one).count("BEGIN SOLUTION") == 1


def test_values_cannot_be_asked(tmp_path):
    with pytest.raises(CannotAsk, match="is a value"):
        lines_asked(tmp_path, "SIZE = 3\n")


def test_import_lines():
    assert mine_lines([]) == ""
    assert mine_lines(["b.y", "a.z", "b.x", "b.y"]) == "from mine.a import z\nfrom mine.b import x, y"
    many = [f"lesson.exercise_number_{number}" for number in range(12)]
    assert max(map(len, mine_lines(many).split("\n"))) <= 100
    assert bound_names(mine_lines(many)) == {name.partition(".")[2] for name in many}
    cell = import_cell([Import("abc", "ABC", ""), Import("einops", "", "")], "lenet")
    assert cell.startswith("import math\nfrom abc import ABC\n\nimport einops\nimport matplotlib.pyplot as plt\n")
    assert cell.split("\n\n")[2].startswith("import p2v_data\nfrom autograder.lesson import LiveCurve, ")


def test_interview_bank(built):
    folder = built.root / "solutions"
    (item,) = interview.questions("shapes", folder)
    assert (item.id, item.points, item.lesson, item.title) == ("shapes.why_double", 3, "shapes", "Why double?")
    assert item.key_points == "* The very first key point that nobody may see early."
    assert item.follow_up == "And what about trebling things?"
    assert item.demonstration == ""
    assert interview.questions("first", folder) == ()
    assert interview.questions(folder=folder) == (item,)
    text = interview.reveal_text("shapes.why_double", folder)
    assert text.startswith("#### Key points\n\n* The very first")
    assert "Demonstration" not in text


def test_nothing_to_reveal(built, tmp_path):
    with pytest.raises(interview.NothingToReveal, match=r"did you mean .*why_double"):
        interview.reveal_text("shapes.why_doubel", built.root / "solutions")
    with pytest.raises(interview.NothingToReveal, match="ask your teacher"):
        interview.reveal_text("shapes.why_double", tmp_path)
