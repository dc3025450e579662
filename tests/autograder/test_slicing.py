"""What an answer needs of a notebook, and what it doesn't."""

import pytest

from autograder.slicing import Cell, defines, needed, source_of, without_magics


def texts(*sources, name="f", given=()):
    cells = [Cell(f"cell {number}", source) for number, source in enumerate(sources, start=1)]
    return [item.text for item in needed(cells, name, given=given)]


def test_only_what_is_needed_is_kept():
    found = texts(
        "import math\nimport os",
        "K = 2",
        "def helper(x):\n    return x * K",
        "print('demo')",
        "def f(x):\n    return helper(math.pi)",
    )
    assert found == [
        "import math",
        "K = 2",
        "def helper(x):\n    return x * K",
        "def f(x):\n    return helper(math.pi)",
    ]


def test_local_names_drag_nothing_in():
    assert texts("x = 1 / 0", "y = train()", "def f(x):\n    y = x + 1\n    return [z for z in y]") == [
        "def f(x):\n    y = x + 1\n    return [z for z in y]"
    ]


def test_the_last_definition_counts():
    assert texts("def f():\n    return 1", "def f():\n    return 2") == ["def f():\n    return 2"]


def test_a_binding_that_builds_on_an_earlier_one_keeps_it():
    assert texts("def f():\n    return 1", "f = twice(f)", "def twice(g):\n    return g") == [
        "def f():\n    return 1",
        "f = twice(f)",
        "def twice(g):\n    return g",
    ]


def test_given_names_are_left_to_others():
    assert texts("def pad(x):\n    return x", "def f(x):\n    return pad(x)", given=["pad"]) == [
        "def f(x):\n    return pad(x)"
    ]


def test_borrowing_defines_nothing():
    assert texts("from mine.lenet import f") == []
    assert texts("def f():\n    raise NotImplementedError()", "from mine.lenet import f") == [
        "def f():\n    raise NotImplementedError()"
    ]


def test_broken_cells_are_skipped_and_magics_blanked():
    assert texts("def (", "%timeit f()\n!ls\ndef f():\n    return 1", "%%bash\nf = 2") == ["def f():\n    return 1"]
    assert without_magics("a = 1\n%matplotlib inline\nb?") == "a = 1\n\n"


@pytest.mark.parametrize(
    "source",
    [
        "def f(a, b):\n    return (a  # why not b?\n            % b)",
        "def f(a):\n    b = a  # enough?\n    return b",
        'def f():\n    """\n    %timeit is a magic\n    !\n    """',
        'def f():\n    return "a\x0cb\u2028c"',
    ],
)
def test_what_python_can_read_is_no_magic(source):
    assert texts(source) == [source]
    assert texts(f"%matplotlib inline\n{source}\nf?\nfiles = !ls\nspent = %timeit -o f()") == [source]


@pytest.mark.parametrize("magic", ["%%time", "%%capture out", "%%prun -q"])
def test_cells_that_run_under_a_magic_define(magic):
    assert texts(f"{magic}\ndef f():\n    return 1") == ["def f():\n    return 1"]
    assert texts("%%timeit\nf = 1", "%%html\nf = 1") == []


def test_a_cell_that_is_indented_as_a_whole_is_read_as_ipython_reads_it():
    assert texts("\n    def f():\n        return 1\n    %time f()") == ["def f():\n    return 1"]


def test_magics_in_blocks_leave_the_block_whole():
    assert texts("if True:\n    %matplotlib inline\nf = 1") == ["f = 1"]


def test_a_demo_that_borrows_does_not_hide_the_students_own_helper():
    own = ("def helper():\n    return 1", "def f():\n    return helper()")
    assert texts(*own, "from mine.lenet import helper, other\nhelper()") == list(own)
    assert texts("from mine.lenet import helper", own[1]) == ["from mine.lenet import helper", own[1]]


def test_star_imports_are_kept_since_they_bind_anything():
    assert texts("from math import *", "def f():\n    return pi") == ["from math import *", "def f():\n    return pi"]


def test_filling_a_table_belongs_to_it():
    filling = ("TABLE = []", "for n in range(3):\n    TABLE.append(n)", "def f():\n    return TABLE")
    assert texts("import torch", "torch.manual_seed(0)", *filling, "OTHER.append(1)") == list(filling)


@pytest.mark.parametrize(
    "source",
    [
        "@decorated\ndef f():\n    return 1",
        "class f:\n    x = 1",
        "f = lambda x: x",
        "if True:\n    def f():\n        return 1",
    ],
)
def test_every_way_of_defining_is_found(source):
    assert texts(source) == [source]


def test_statements_on_one_line_are_told_apart():
    assert texts("import os; f = 1; g = 2") == ["f = 1"]


def test_a_module_starts_with_its_imports():
    cells = [Cell("cell 1", "def f():\n    return math.pi"), Cell("cell 2", "import math\nimport math")]
    assert source_of(needed(cells, "f")) == "import math\n\n\ndef f():\n    return math.pi\n"


def test_importing_is_not_defining():
    assert not defines([Cell("cell 1", "from numpy import f")], "f")
    assert defines([Cell("cell 1", "f = 1")], "f")
