"""What weave refuses, and that it says so by file and line."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

MD, B, LAYERS, FIRST = "shapes.md", "shapes_b.md", "shapes/layers.py", "first.py"


def only(lines):
    assert len(lines) == 1, "\n".join(lines)
    return lines[0]


@dataclass(frozen=True)
class Refusal:
    """An edit of a file, and what is said then on the first line of file `at` that holds `text`."""

    file: str
    old: str
    new: str
    at: str
    text: str
    says: str


CASES = {
    "mark without function": Refusal(
        MD,
        "<!-- exercise: double -->",
        "<!-- exercise: duble -->",
        MD,
        "exercise: duble",
        "exercise mark 'duble' has no function in solutions/shapes; did you mean double or Double?",
    ),
    "given without definition": Refusal(
        MD,
        "<!-- given: Double -->",
        "<!-- given: Double, Treble -->",
        MD,
        "Treble",
        "given mark 'Treble' has no definition in solutions/shapes",
    ),
    "exercise given": Refusal(
        MD,
        "<!-- given: Double -->",
        "<!-- given: Double, half_loss -->",
        MD,
        "given: Double",
        "'half_loss' has a spec, so it is asked; it can't be given",
    ),
    "function without mark": Refusal(
        FIRST,
        "def one(",
        "def two() -> int:\n    return 2\n\n\ndef one(",
        FIRST,
        "def two",
        "function 'two' has no mark in solutions/first.md; add <!-- exercise: two --> or <!-- given: two -->",
    ),
    "undefined name": Refusal(
        MD,
        "plt.plot([n for n in numbers])",
        "plt.plot(nmbers)",
        MD,
        "nmbers",
        "no earlier cell defines 'nmbers'; did you mean numbers?",
    ),
    "name defined later": Refusal(
        MD,
        "numbers = torch.ones(3, device=device)",
        "numbers = double(torch.ones(3))",
        MD,
        "numbers = double",
        "this cell uses shapes.double, which is asked later, at solutions/shapes.md:",
    ),
    "value of the reference that nothing gives": Refusal(
        MD, "_halved(4), before", "_halved(4), _TINIER", MD, "_TINIER", "no earlier cell defines '_TINIER'"
    ),
    "demo is not Python": Refusal(
        MD, "before = perf_counter()", "before = = 1", MD, "before = =", "not Python: invalid syntax"
    ),
    "demo rebinds an exercise": Refusal(
        MD,
        "before = perf_counter()",
        "before = quadruple = perf_counter()",
        MD,
        "from time import",
        "this cell assigns to 'quadruple', an exercise of this notebook",
    ),
    "demo rebinds check": Refusal(
        MD,
        "before = perf_counter()",
        "before = check = perf_counter()",
        MD,
        "from time import",
        "this cell assigns to 'check', which later cells call",
    ),
    "unknown mark": Refusal(MD, "Goodbye.", "<!-- exercsie: one -->", MD, "exercsie", "did you mean exercise?"),
    "mark without colon": Refusal(
        MD,
        "Goodbye.",
        "<!-- exercise one -->",
        MD,
        "exercise one",
        "unknown mark <!-- exercise one -->; write <!-- exercise: … -->",
    ),
    "mark over two lines": Refusal(MD, "Goodbye.", "<!-- gvn:\na -->", MD, "<!-- gvn:", "a mark is one line"),
    "unknown option": Refusal(
        MD, "Net given=size", "Net giben=size", MD, "giben", "has no option 'giben'; did you mean given?"
    ),
    "empty option": Refusal(
        MD, "Net given=size", "Net given= size", MD, "given= size", "takes one Python name, got Net size"
    ),
    "option twice": Refusal(
        MD, "Net given=size", "Net ask=size ask=forward", MD, "ask=size", "option 'ask' is given twice"
    ),
    "asked and given": Refusal(
        MD, "Net given=size", "Net ask=size given=size", MD, "ask=size", "size can't be both asked and given"
    ),
    "unknown method": Refusal(
        MD, "Net given=size", "Net ask=forwrad", MD, "forwrad", "'Net' has no method 'forwrad'; did you mean forward?"
    ),
    "nothing asked": Refusal(MD, "Net given=size", "Net ask=", MD, "Net ask=", "option 'ask' is empty"),
    "options of a function": Refusal(
        MD,
        "exercise: double -->",
        "exercise: double ask=x -->",
        MD,
        "ask=x",
        "'double' is a function: ask= and given= are for classes",
    ),
    "two marks of one exercise": Refusal(
        B,
        "It goes on.",
        "<!-- exercise: double -->",
        B,
        "exercise: double",
        "shapes.double has a mark already, at solutions/shapes.md:",
    ),
    "unclosed fence": Refusal(B, "It goes on.", "~~~text\nIt goes on.", B, "~~~text", "fence is never closed"),
    "options of a fence": Refusal(
        MD,
        "```python\nfrom",
        "```python hide\nfrom",
        MD,
        "```python hide",
        "a python fence takes no options, got 'python hide'",
    ),
    "unclosed question": Refusal(
        MD, "<!-- end -->\n", "", MD, "question: why_double", "question 'why_double' is not closed by <!-- end -->"
    ),
    "end without question": Refusal(B, "It goes on.", "<!-- end -->", B, "end -->", "<!-- end --> without a question"),
    "heading in a question": Refusal(
        MD, "And what", "## Next\n\nAnd what", MD, "## Next", "is <!-- end --> missing above?"
    ),
    "missing section": Refusal(
        MD,
        "#### Marking guide\n\n* 3 points: any sensible reason with an example.\n",
        "",
        MD,
        "question: why",
        "question 'why_double' lacks #### Marking guide",
    ),
    "empty section": Refusal(
        MD, "And what about trebling things?\n", "", MD, "question: why", "question 'why_double' lacks #### Follow-up"
    ),
    "second section": Refusal(
        MD, "And what", "#### key points\n\nAnd what", MD, "#### key", "a second section 'Key points'"
    ),
    "unasked question": Refusal(MD, "**Why double?** Give a reason.\n", "", MD, "question: why", "asks nothing"),
    "question without points": Refusal(MD, "points=3", "", MD, "question: why", "question 'why_double' needs points=N"),
    "missing front matter": Refusal(B, "---\nnotebook", "notebook", B, "notebook", "expected front matter"),
    "front matter is not YAML": Refusal(B, "title: ", "title: [", B, "module: shapes", "front matter is not YAML"),
    "mistyped key": Refusal(
        B, "title: ", "titel: ", B, "---", "front matter lacks 'title', or it isn't text; did you mean titel?"
    ),
    "wrong notebook": Refusal(
        B,
        "01_shapes/01_shapes_b.ipynb",
        "01_shapes_b.ipynb",
        B,
        "---",
        "notebook must read FOLDER/NAME.ipynb, got '01_shapes_b.ipynb'",
    ),
    "same notebook": Refusal(
        B,
        "01_shapes/01_shapes_b.ipynb",
        "02_b/01_shapes.ipynb",
        B,
        "---",
        "solutions/shapes.md makes a notebook called 01_shapes.ipynb too",
    ),
    "reference is not Python": Refusal(FIRST, "def one(x", "def one((x", FIRST, "def one", "not Python"),
    "no body of its own": Refusal(
        FIRST,
        "    ones_of_the_right_shape = x * 0 + 1\n    return ones_of_the_right_shape\n",
        "",
        "first.md",
        "one -->",
        "exercise mark 'one': 'one' leaves nothing to write",
    ),
    "body beside the signature": Refusal(
        FIRST,
        'Tensor) -> Tensor:\n    """Ones',
        'Tensor) -> Tensor: return x\n\n\ndef _two() -> int:\n    """Ones',
        "first.md",
        "one -->",
        "the body of 'one' must begin on a line of its own",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_refuses(tiny, name):
    case = CASES[name]
    tiny.edit(case.file, case.old, case.new)
    place = f"solutions/{case.at}:{tiny.line(case.at, case.text)}: "
    refusals = tiny.refusals()
    assert [line for line in refusals if line.startswith(place) and case.says in line], "\n".join(refusals)


def test_undeclared_helper(tiny):
    tiny.edit(MD, "<!-- given: _halved, _TINY -->", "<!-- given: _TINY -->")
    tiny.edit(MD, "_halved(4), ", "")
    mark, given = tiny.line(MD, "exercise: quadruple"), tiny.line(MD, "given: Double")
    says = "uses the helper '_halved', which no mark gives; add <!-- given: _halved --> above"
    definition, other = tiny.line(LAYERS, "def quadruple"), tiny.line(LAYERS, "class Double")
    refusals = tiny.refusals()
    assert f"solutions/shapes.md:{mark}: 'quadruple' (solutions/{LAYERS}:{definition}) {says}" in refusals
    assert f"solutions/shapes.md:{given}: 'Double' (solutions/{LAYERS}:{other}) {says}" in refusals


def test_helper_given_too_late(tiny):
    tiny.edit(MD, "<!-- given: _halved, _TINY -->\n", "<!-- given: _TINY -->\n")
    tiny.edit(MD, "_halved(4), ", "")
    tiny.edit(MD, "## A net\n", "<!-- given: _halved -->\n\n## A net\n")
    line = tiny.line(MD, "given: _halved")
    assert any(
        f"uses '_halved', which is given later, at solutions/shapes.md:{line}" in text for text in tiny.refusals()
    )


def test_mark_without_spec_and_spec_without_mark(tiny):
    tiny.specs = [spec for spec in tiny.specs if spec.id != "shapes.double"] + [tiny.spec("shapes.doubel")]
    line = tiny.line(MD, "exercise: double")
    says = "has no spec in autograder/exercises/shapes; did you mean doubel?"
    refusals = tiny.refusals()
    assert f"solutions/shapes.md:{line}: exercise mark 'double' {says}" in refusals
    assert (
        "autograder/exercises/shapes: exercise shapes.doubel has no mark in solutions/shapes.md or "
        "solutions/shapes_b.md; add <!-- exercise: doubel -->"
    ) in refusals


def test_needs_name_every_exercise_that_the_reference_uses(tiny):
    tiny.specs[2] = tiny.spec("shapes.quadruple")
    says = "uses exercise shapes.double, which `needs` in its spec doesn't name"
    assert only(tiny.refusals()).endswith(says)


@pytest.mark.parametrize(
    ("need", "says"),
    [("shapes.Net", "which is asked later, at solutions/shapes.md:"), ("shapes.none", "which no lesson asks")],
)
def test_needs_are_earlier_exercises(tiny, need, says):
    tiny.specs[2] = tiny.spec("shapes.quadruple", ("shapes.double", need))
    line = tiny.line(MD, "exercise: quadruple")
    refusal = only(tiny.refusals())
    assert refusal.startswith(f"solutions/shapes.md:{line}: exercise 'quadruple' uses {need}, {says}")


def test_lesson_without_reference(tiny):
    (tiny.root / "solutions" / "first.py").unlink()
    assert "solutions/first.md:1: module 'first' has no reference solutions/first" in tiny.refusals()


def test_two_definitions_of_one_helper(tiny):
    tiny.edit("shapes/losses.py", "def half_loss", "def _halved() -> int:\n    return 1\n\n\ndef half_loss")
    at, other = tiny.line("shapes/losses.py", "def _halved"), tiny.line(LAYERS, "def _halved")
    assert (
        f"solutions/shapes/losses.py:{at}: '_halved' is defined in solutions/{LAYERS}:{other} already"
        in tiny.refusals()
    )


def test_a_definition_may_not_take_a_name_of_the_first_cell(tiny):
    tiny.edit(LAYERS, "def _halved(size: int)", "def device(size: int)")
    tiny.edit(
        LAYERS, "return double(double(x)) * math.pow(1.0, _halved(2))", "return double(double(x)) * math.pow(1.0, 1)"
    )
    tiny.edit(LAYERS, "double(x) * _halved(2)", "double(x)")
    tiny.edit(MD, "<!-- given: _halved, _TINY -->", "<!-- given: device, _TINY -->")
    tiny.edit(MD, "_halved(4), ", "")
    assert "'device' is a name that every notebook's first cell binds" in only(tiny.refusals())


def test_two_meanings_of_an_imported_name(tiny):
    tiny.edit("shapes/losses.py", "from torch import Tensor", "import torch.optim as math\nfrom torch import Tensor")
    tiny.edit("shapes/losses.py", "return Double()", "math.SGD\n    return Double()")
    assert "'half_loss' imports" in only(tiny.refusals())


def test_all_problems_are_shown_at_once_and_sorted(tiny):
    tiny.edit(MD, "plt.plot([n for n in numbers])", "plt.plot(nmbers)")
    tiny.edit(MD, "points=3", "points=none")
    tiny.edit("first.md", "torch.zeros(2)", "zeros(2)")
    assert [line.split(": ")[0] for line in tiny.refusals()] == [
        f"solutions/first.md:{tiny.line('first.md', 'zeros(2)')}",
        f"solutions/shapes.md:{tiny.line(MD, 'nmbers')}",
        f"solutions/shapes.md:{tiny.line(MD, 'points=none')}",
    ]


def test_problems_of_other_lessons_do_not_matter(tiny):
    tiny.edit(MD, "plt.plot([n for n in numbers])", "plt.plot(nmbers)")
    assert len(tiny.build(lessons=["first"])) == 2
    with pytest.raises(ValueError, match="nmbers"):
        tiny.build(lessons=["shapes_b"])  # a part of the same lesson


def test_unknown_lesson(tiny):
    assert (
        only(tiny.refusals(lessons=["shape"]))
        == "solutions: no lesson is called 'shape'; did you mean shapes or shapes_b?"
    )


def test_nothing_is_written_over_when_something_is_refused(built, tiny):
    tiny.build()
    before = {path: path.read_bytes() for path in tiny.root.rglob("*.ipynb")}
    tiny.edit(MD, "plt.plot([n for n in numbers])", "plt.plot(nmbers)")
    tiny.edit("first.md", "Hello.", "Hello again.")
    with pytest.raises(ValueError, match="nmbers"):
        tiny.build()
    assert {path: path.read_bytes() for path in tiny.root.rglob("*.ipynb")} == before
