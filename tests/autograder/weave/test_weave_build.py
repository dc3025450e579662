"""What is built: cells, metadata, imports, stubs; the same bytes each time; nothing given away."""

import ast
import json
import re

import jupytext
import nbformat
import pytest
from nbgrader.nbgraderformat import MetadataValidator

from autograder.weave import main
from autograder.weave.problems import Problems
from autograder.weave.release import verify

NOTEBOOKS = ("00_first/00_first.ipynb", "01_shapes/01_shapes.ipynb", "01_shapes/01_shapes_b.ipynb")


def read(course, name, folder="course"):
    return nbformat.read(course.root / folder / name, as_version=4)


def cell(notebook, id):
    return next(item for item in notebook.cells if item.id == id)


def test_builds_all_notebooks_and_again_the_same_bytes(built):
    files = {path: path.read_bytes() for path in built.root.rglob("*.ipynb")}
    assert len(files) == 6
    for path in files:
        path.unlink()
    assert len(built.build()) == 6
    assert {path: path.read_bytes() for path in files} == files
    assert built.build(check_only=True) == []
    assert built.build(if_stale=True) == []


@pytest.mark.parametrize("folder", ["course", "solutions/notebooks"])
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebooks_are_valid_for_jupyter_and_nbgrader(built, folder, name):
    notebook = read(built, name, folder)
    nbformat.validate(notebook)
    MetadataValidator().validate_nb(notebook)
    ids = [item.id for item in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert notebook.metadata.kernelspec.name == "python3"
    assert not any(item.get("outputs") or item.get("execution_count") for item in notebook.cells)
    assert "Built from solutions/" in notebook.cells[0].source.splitlines()[0]


def test_order_of_cells(built):
    roles = [item.metadata.pixels_to_voxels.role for item in read(built, NOTEBOOKS[1]).cells]
    exercise = ["solution", "check"]
    assert roles == [
        *["title", "imports", "text", "demo", "given", *exercise, "text", "demo", *exercise, "given", "text"],
        *[*exercise, "question", "answer", "reveal", "text"],
    ]


def test_metadata(built):
    notebook = read(built, NOTEBOOKS[1])
    ours = notebook.metadata.pixels_to_voxels
    assert (ours.lesson, ours.part, ours.notebook, ours.title) == ("shapes", "shapes", NOTEBOOKS[1], "Shapes")
    solution, check = cell(notebook, "shapes-double"), cell(notebook, "check-shapes-double")
    assert solution.metadata.pixels_to_voxels == {"role": "solution", "exercise": "shapes.double"}
    assert check.metadata.pixels_to_voxels == {"role": "check", "exercise": "shapes.double"}
    assert check.source == "check(double)"
    flags = ("grade", "solution", "locked", "task", "schema_version")
    assert [solution.metadata.nbgrader[key] for key in flags] == [False, True, False, False, 3]
    assert [check.metadata.nbgrader[key] for key in flags] == [True, False, True, False, 3]
    assert check.metadata.nbgrader.points == 5
    assert check.metadata.editable is False
    assert solution.metadata.get("editable", True)
    for id in ("imports", "given-shapes-_halved", "question-shapes-why_double", "reveal-shapes-why_double"):
        locked = cell(notebook, id)
        assert [locked.metadata.nbgrader[key] for key in flags] == [False, False, True, False, 3]
        assert (locked.metadata.editable, locked.metadata.deletable) == (False, False)


def test_import_cell(built):
    source = cell(read(built, NOTEBOOKS[1]), "imports").source
    assert "import math\nfrom collections.abc import Sequence\n" in source
    assert "from jaxtyping import Float\nfrom torch import Tensor, nn\nfrom tqdm.auto import tqdm\n" in source
    assert source.endswith('\ndevice = p2v_data.device()\nstart("shapes")')
    assert "solutions" not in source


def test_the_lesson_module_exports_what_notebooks_import():
    from autograder.weave.imports import LESSON_NAMES

    lesson = pytest.importorskip("autograder.lesson")
    assert [name for name in LESSON_NAMES if not hasattr(lesson, name)] == []


def test_title_cell(built):
    title = read(built, NOTEBOOKS[1]).cells[0].source
    assert title.split("\n\n")[1:4] == [
        "# Shapes",
        "*3 exercises, 9 points, about 30 minutes.*",
        "An opening with a fence:",
    ]
    assert "<!-- exercise: not_a_mark -->" in title
    assert "# The second part\n\n*1 exercise, 2 points, about 10 minutes.*" in read(built, NOTEBOOKS[2]).cells[0].source


def test_imports_from_mine(built):
    a, b = read(built, NOTEBOOKS[1]), read(built, NOTEBOOKS[2])
    assert cell(a, "demo-002").source.startswith("from mine.first import one\nfrom mine.shapes import double\n\nprint(")
    assert cell(a, "shapes-quadruple").source.startswith("from mine.shapes import double\n\n\ndef quadruple(")
    assert cell(a, "shapes-double").source.startswith("def double(")
    assert cell(a, "given-shapes-Double").source.startswith("from mine.shapes import double\n\n\nclass Double(")
    assert cell(b, "shapes-half_loss").source.startswith(
        "from mine.first import one\nfrom mine.shapes import double\n\n\ndef half_loss("
    )
    assert cell(b, "demo-001").source.startswith("from mine.shapes import half_loss, quadruple\n\nprint(")


def test_what_an_earlier_part_gave_is_repeated_before_its_first_use(built):
    notebook = read(built, NOTEBOOKS[2])
    assert [item.id for item in notebook.cells] == [
        *["title", "imports", "given-shapes-_halved", "given-shapes-Double", "shapes-half_loss"],
        *["check-shapes-half_loss", "demo-001"],
    ]
    assert cell(notebook, "given-shapes-Double").source.startswith(
        "# As given in 01_shapes.ipynb\nfrom mine.shapes import double\n\n\nclass Double(nn.Module):"
    )


def test_function_keeps_its_text_outside_and_inside_the_markers(built):
    source = cell(read(built, NOTEBOOKS[1], "solutions/notebooks"), "shapes-double").source
    lines = [line for line in source.split("\n") if "SOLUTION" not in line]
    text = (built.root / "solutions/shapes/layers.py").read_text(encoding="utf-8")
    original = text[text.index("def double") : text.index("\n\n\ndef quadruple")]
    assert [line for line in lines if line] == [line for line in original.split("\n") if line]
    assert source.endswith("    # doubled often enough\n    ### END SOLUTION")


def test_function_stub(built):
    source = cell(read(built, NOTEBOOKS[1]), "shapes-double").source
    assert source.endswith('    """\n\n    # YOUR CODE HERE\n    raise NotImplementedError()')
    assert source.count("once") == 0
    assert cell(read(built, NOTEBOOKS[1]), "shapes-quadruple").source.endswith(
        "def quadruple(x: Tensor) -> Tensor:\n    # YOUR CODE HERE\n    raise NotImplementedError()"
    )


def test_class_stub(built):
    source = cell(read(built, NOTEBOOKS[1]), "shapes-Net").source
    assert (
        source
        == '''class Net(nn.Module):
    """A net of our own."""

    # the names of old checkpoints
    depth: int = 2

    def __init__(self, width: int) -> None:
        super().__init__()
        # YOUR CODE HERE
        raise NotImplementedError()

    @property
    def size(self) -> int:
        """How large it is."""
        return self.width * self.depth * 10

    @torch.no_grad()
    def forward(self, x: Tensor, scale: float = 1.0) -> Tensor:
        # YOUR CODE HERE
        raise NotImplementedError()'''
    )
    ast.parse(source)


def test_answer_cell_is_marked_by_hand_and_its_guide_stays_with_the_instructor(built):
    source = cell(read(built, NOTEBOOKS[1], "solutions/notebooks"), "answer-shapes-why_double")
    assert source.source.startswith("=== BEGIN MARK SCHEME ===\n\n#### Key points\n\n* The very first")
    assert source.source.endswith("trebling things?\n\n=== END MARK SCHEME ===")
    released = cell(read(built, NOTEBOOKS[1]), "answer-shapes-why_double")
    assert (released.cell_type, released.source) == ("markdown", "YOUR ANSWER HERE")
    assert (released.metadata.nbgrader.grade, released.metadata.nbgrader.solution) == (True, True)
    assert released.metadata.nbgrader.points == 3
    question = cell(read(built, NOTEBOOKS[1]), "question-shapes-why_double").source
    assert question == "**Interview question** · 3 points\n\n**Why double?** Give a reason."
    assert cell(read(built, NOTEBOOKS[1]), "reveal-shapes-why_double").source == 'reveal("shapes.why_double")'


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_release_gives_nothing_away(built, name):
    text = (built.root / "course" / name).read_text(encoding="utf-8")
    for secret in ("once(", "ones_of_the_right_shape", "self.layers", "text =", ".mean()", "key point", "no reason"):
        assert secret not in text
    assert "BEGIN SOLUTION" not in text
    assert "MARK SCHEME" not in text


def test_jupytext_reads_the_lesson_in_the_same_order(built):
    for path in (built.root / "solutions").glob("*.md"):
        text = path.read_text(encoding="utf-8")
        front = text.split("---\n")[1]
        name = re.search(r"notebook: (\S+)", front)[1]
        other = jupytext.reads(text, fmt="md")
        ours = read(built, name)
        demos = [item.source for item in ours.cells if item.metadata.pixels_to_voxels.role == "demo"]
        theirs = [item.source for item in other.cells if item.cell_type == "code"]
        assert [re.sub(r"^(from mine\.\S+ import .*\n)+\n", "", demo) for demo in demos] == theirs
        flow = re.sub(r"\s+", " ", "\n".join(item.source for item in other.cells))
        texts = [item.source for item in ours.cells if item.metadata.pixels_to_voxels.role in ("text", "question")]
        places = [flow.index(re.sub(r"\s+", " ", text.split("points\n\n")[-1])) for text in texts]
        assert places == sorted(places)


def test_if_stale_builds_what_changed_only(tiny):
    assert tiny.build(lessons=["shapes_b"]) == [
        "solutions/notebooks/01_shapes/01_shapes_b.ipynb",
        "course/01_shapes/01_shapes_b.ipynb",
    ]
    tiny.edit("shapes/losses.py", "Half of the mean", "Half the mean")
    assert tiny.build(lessons=["shapes_b"], check_only=True) == [
        "solutions/notebooks/01_shapes/01_shapes_b.ipynb",
        "course/01_shapes/01_shapes_b.ipynb",
    ]
    assert len(tiny.build(lessons=["shapes_b"], if_stale=True)) == 2
    assert tiny.build(lessons=["shapes_b"], if_stale=True) == []
    (tiny.root / "course/01_shapes/01_shapes_b.ipynb").write_text("{}", encoding="utf-8")
    assert tiny.build(lessons=["shapes_b"], if_stale=True) == ["course/01_shapes/01_shapes_b.ipynb"]


def test_check_names_leftovers(built):
    left = built.root / "course" / "02_gone" / "02_gone.ipynb"
    leak = built.root / "solutions" / "notebooks" / "01_shapes" / "answers.py"
    left.parent.mkdir()
    for path in (left, leak):
        path.write_text("{}", encoding="utf-8")
    try:
        assert built.build(check_only=True) == [
            "course/02_gone/02_gone.ipynb",
            "solutions/notebooks/01_shapes/answers.py",
        ]
    finally:
        left.unlink()
        left.parent.rmdir()
        leak.unlink()


def test_verify_sees_a_leak_and_a_lost_signature(built):
    from autograder.weave.check import check
    from autograder.weave.course import read_course
    from autograder.weave.notebook import weave
    from autograder.weave.resolve import resolve

    problems = Problems()
    course = read_course(built.root, built.specs_of, problems)
    check(course, problems)
    woven = weave(course, course.parts[1], resolve(course, 1, problems))
    assert problems.found == []

    def says(change):
        notebook = read(built, NOTEBOOKS[1])
        change(notebook)
        found = Problems()
        verify(woven, notebook, found)
        return [str(problem) for problem in found.found]

    assert says(lambda notebook: None) == []
    source = read(built, NOTEBOOKS[1], "solutions/notebooks")
    solved = cell(source, "shapes-Net").source
    assert any("a marker is left" in text for text in says(lambda nb: cell(nb, "shapes-Net").update(source=solved)))
    assert any("gives away" in text for text in says(lambda nb: cell(nb, "demo-001").update(source=solved)))
    guide = cell(source, "answer-shapes-why_double").source
    assert any("very first key point" in text for text in says(lambda nb: nb.cells[0].update(source=guide)))
    stub = cell(read(built, NOTEBOOKS[1]), "shapes-double").source
    bare = stub.replace("times: int = 1", "times: int = 2")
    assert any("signature" in text for text in says(lambda nb: cell(nb, "shapes-double").update(source=bare)))
    longer = stub.replace("raise Not", "x = 1\n    raise Not")
    assert any("not the stub" in text for text in says(lambda nb: cell(nb, "shapes-double").update(source=longer)))
    undocumented = stub.replace("Doubles", "Trebles")
    assert any("docstring" in text for text in says(lambda nb: cell(nb, "shapes-double").update(source=undocumented)))


def test_command_line(tiny, capsys):
    assert main(["--root", str(tiny.root), "nothing"]) == 1
    assert "no lesson is called 'nothing'" in capsys.readouterr().err
    assert main(["--root", str(tiny.root / "solutions")]) == 1
    assert "no lessons here" in capsys.readouterr().err
    assert main(["--root", str(tiny.root), "first"]) == 1  # its spec stands in this test only
    assert (
        "solutions/first.md:9: exercise mark 'one' has no spec in autograder/exercises/first" in capsys.readouterr().err
    )


def test_notebook_json_has_no_path_of_this_machine(built):
    for path in built.root.rglob("*.ipynb"):
        assert str(built.root) not in path.read_text(encoding="utf-8")
        json.loads(path.read_text(encoding="utf-8"))
