"""`p2v classroom`: a class from release to feedback, without JupyterHub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True, help="A class from release to feedback (for instructors, in the course folder)."
)

Lesson = Annotated[str, typer.Argument(help="A lesson's folder, 01_lenet.")]
PackFolder = Annotated[
    str, typer.Option("--pack", envvar="P2V_PACK", help="Folder of a private case pack (pack.toml, cases.py).")
]


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="The folder to make or to complete.")],
    course_id: Annotated[str, typer.Option(help="The course's id in nbgrader and its exchange.")] = "p2v",
) -> None:
    """Makes a course folder in which nbgrader grades with our judge. What is there already stays as it is."""
    from autograder import classroom

    made, kept = classroom.init(folder, course_id)
    for path in made:
        print(f"made: {path}")
    for path in kept:
        print(f"there already, left as it is: {path}")
    first = classroom.lessons()[0]
    print(f"Next: cd {folder} && p2v classroom release {first}")


@app.command()
def release(
    lesson: Lesson,
    pack: PackFolder = "",
    again: Annotated[bool, typer.Option("--again", help="Into the exchange also if it is there already.")] = False,
    seeds: Annotated[bool, typer.Option("--seeds", help="Also a copy for each student, in handout/.")] = False,
    students: Annotated[Path | None, typer.Option(help="Who gets a copy: a file with one id a line.")] = None,
) -> None:
    """Makes the notebooks without solutions, in release/ and in the exchange if there is one."""
    from autograder import handouts, packs
    from autograder.classroom import Classroom

    room = Classroom(Path.cwd())
    for line in room.release(lesson, packs.chosen(pack or room.pack_folder), again=again):
        print(line)
    if seeds or students is not None:
        with room.gradebook() as gradebook:
            known = [student.id for student in gradebook.students]
        copies = handouts.hand_out(room, lesson, handouts.read_students(students) if students else known)
        print(f"{len(copies)} notebooks for single students: {room.folder / handouts.FOLDER}")


@app.command()
def collect(
    lesson: Lesson,
    origin: Annotated[Path | None, typer.Option("--from", help="A folder, or the platform's zip.")] = None,
    ids: Annotated[Path | None, typer.Option(help="A table (CSV) of student ids and the platform's ids.")] = None,
    pattern: Annotated[str, typer.Option(help="How paths name students: a regex with (?P<student>…).")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Take newer work too; the older is kept aside.")] = False,
) -> None:
    """Brings in what students handed in: from the exchange, or --from a folder or a platform's download."""
    from autograder import collecting, lms
    from autograder.classroom import Classroom

    room = Classroom(Path.cwd())
    if origin is None:
        print("\n".join(room.collect(lesson, replace=replace)))
        return
    known = lms.platform_names(lms.read_ids(ids)) if ids is not None else {}
    done = collecting.collect(room, lesson, origin, ids=known, pattern=pattern, replace=replace)
    print(done)
    raise typer.Exit(1 if done.left_out or done.kept else 0)


@app.command()
def grade(
    lesson: Lesson,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes at work; all cores if left out.")] = None,
    pack: PackFolder = "",
) -> None:
    """Grades everything that was collected; the same as `p2v grade`, which has more options."""
    from autograder import class_grading, packs

    packs.use(pack)
    raise typer.Exit(class_grading.main(Path.cwd(), lesson, class_grading.Wishes(), workers, None))


@app.command()
def feedback(lesson: Lesson) -> None:
    """Writes an HTML page for each graded notebook, in feedback/ and in the exchange if there is one."""
    from autograder.classroom import Classroom

    for line in Classroom(Path.cwd()).feedback(lesson):
        print(line)


@app.command()
def export(
    lesson: Lesson,
    form: Annotated[str, typer.Option("--format", help="canvas, moodle, blackboard or csv.")] = "csv",
    ids: Annotated[
        Path | None, typer.Option(help="A table (CSV) of student ids and the platform's, or the platform's own export.")
    ] = None,
    column: Annotated[str, typer.Option(help='The platform\'s column, "Lesson 1 (4711)"; else the lesson.')] = "",
    zeros: Annotated[bool, typer.Option("--zeros", help="0 for who handed nothing in, else an empty cell.")] = False,
    out: Annotated[Path | None, typer.Option(help="The file; LESSON-FORMAT.csv if left out.")] = None,
) -> None:
    """Writes the marks as a table that a learning platform imports."""
    from autograder import lms
    from autograder.classroom import Classroom
    from autograder.files import write_whole

    with Classroom(Path.cwd()).gradebook() as gradebook:
        marks = lms.read_marks(gradebook, lesson, lms.read_ids(ids) if ids is not None else None)
    path = out or Path(f"{lesson}-{form}.csv")
    write_whole(lms.export(marks, form, column=column, missing_as_zero=zeros).encode(), path)
    handed = sum(line.score is not None for line in marks.lines)
    print(f"{path}: {handed} of {len(marks.lines)} students handed in, {lms.number(marks.most)} points at most.")
    waiting = [line.student for line in marks.lines if line.to_mark]
    if waiting:
        print(f"{len(waiting)} still wait for marks by hand (nbgrader formgrader): {', '.join(waiting[:8])}")
