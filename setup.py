"""Adds what pyproject.toml can't say: two packages whose folder has another name than they."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
LESSONS = sorted(str(path.relative_to(HERE / "course")) for path in (HERE / "course").rglob("*.ipynb"))

setup(
    packages=[*find_packages(str(HERE), include=["autograder*", "solutions*"]), "p2v_data", "p2v_course"],
    package_dir={"p2v_data": "datasets/p2v_data", "p2v_course": "course"},
    package_data={
        "p2v_course": LESSONS,
        "solutions": ["*.md"],
        "autograder": ["**/*.golden"],
        "p2v_data": ["studies/*.json", "embedded/*"],
    },
)
