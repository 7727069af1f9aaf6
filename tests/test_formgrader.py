"""The whole way of a mark: grade, mark in formgrader, grade again, report, feedback, export: one number everywhere."""

from __future__ import annotations

import csv
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from nbgrader.api import Gradebook
from playwright.sync_api import Browser, Response

from autograder.authoring.demo import made_up
from autograder.course.course import Course
from tests.conftest import command, copied, released, shell
from tests.test_report import Page

pytestmark = pytest.mark.slow(40)

BIN = Path(sys.executable).parent
STUDENTS = ("ada", "dorothy", "frank", "leonhard", "pierre")
"""Right and to be marked, twice; wrong; half an answer and nothing written; a file that breaks off."""


@pytest.fixture
def handed_in(released_course: Course, tmp_path: Path) -> Course:
    """A released course with five submissions."""
    course = copied(released_course, tmp_path / "course")
    for student in made_up(course.assignment("mlp"), released("mlp")):
        if student.name in STUDENTS:
            folder = course.root / "submitted" / student.name / "mlp"
            folder.mkdir(parents=True)
            text = student.notebook if isinstance(student.notebook, str) else json.dumps(student.notebook)
            (folder / "mlp.ipynb").write_text(text, encoding="utf-8")
    return course


@contextmanager
def formgrader(course: Course) -> Iterator[str]:
    """nbgrader's own server, for as long as it is needed: its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    on = {"nbgrader.server_extensions.formgrader": True}
    options = [f"--port={port}", "--no-browser", "--allow-root", f"--ServerApp.jpserver_extensions={on}"]
    options += ["--IdentityProvider.token=", "--ServerApp.password=", f"--ServerApp.root_dir={course.root}"]
    home = course.root.parent / "home"
    env = os.environ | {"HOME": str(home), "JUPYTER_CONFIG_DIR": str(home), "JUPYTER_DATA_DIR": str(home / "data")}
    with (course.root.parent / "server.log").open("w") as log:
        server = subprocess.Popen([BIN / "jupyter-server", *options], cwd=course.root, env=env, stdout=log, stderr=log)
        address = f"http://127.0.0.1:{port}"
        try:
            for _ in range(300):
                try:
                    urlopen(f"{address}/api").close()
                    break
                except OSError:
                    time.sleep(0.2)
            yield f"{address}/formgrader"
        finally:
            server.terminate()
            server.wait()


def saved(what: str) -> Callable[[Response], bool]:
    """The server's answer to a grade or a comment that is to be kept: it is sent where the next field is gone to."""
    return lambda answer: answer.request.method == "PUT" and f"/api/{what}/" in answer.url and answer.ok


def test_a_mark_is_the_same_number_on_every_page(handed_in: Course, browser: Browser) -> None:
    """Two derivations marked in formgrader: its list, the reports, the table, the feedback and the export agree."""
    root = handed_in.root
    assert command("grade", "mlp", "--course", root).returncode == 1, "one file breaks off"
    with formgrader(handed_in) as address, browser.new_context() as context:
        page = context.new_page()
        for student, points in (("ada", "1.5"), ("dorothy", "2")):
            with Gradebook(f"sqlite:///{root}/gradebook.db") as book:
                submission = book.find_submission_notebook("mlp", "mlp", student).id
            page.goto(f"{address}/submissions/{submission}/")
            page.wait_for_load_state("networkidle")
            page.fill("input.score#derivation", points)
            with page.expect_response(saved("grade")):
                page.fill("textarea#derivation-comment", f"Read, {student}.")
            with page.expect_response(saved("comment")):
                page.locator("input.score#derivation").focus()
        table = command("grade", "mlp", "--force", "--course", root).stdout
        page.goto(f"{address}/manage_submissions/mlp")
        page.wait_for_selector("td.score")
        listed = {
            row.locator(".student-id").inner_text(): (
                row.locator(".score").inner_text(),
                row.locator(".status").inner_text(),
            )
            for row in page.locator("tbody tr").all()
        }

    assert listed == {
        "ada": ("13.5 / 14", "needs manual grading"),
        "dorothy": ("14 / 14", "needs manual grading"),
        "frank": ("11 / 14", "needs manual grading"),
        "leonhard": ("4 / 14", "graded"),
        "pierre": ("0 / 14", "needs manual grading"),
    }
    assert command("report", "--course", root).returncode == 0
    assert "5 submissions" in (root / "report" / "index.html").read_text("utf-8")
    shown = command("report", "mlp", "--student", "ada", "--course", root).stdout
    assert shown.startswith("13.5 of 14 points")
    shell([BIN / "nbgrader", "generate_feedback", "mlp"], cwd=root)
    shell([BIN / "nbgrader", "export"], cwd=root)
    exported = {row["student_id"]: row for row in csv.DictReader((root / "grades.csv").read_text("utf-8").splitlines())}
    index = Page((root / "report/mlp/index.html").read_text("utf-8")).said
    for student, score in (("ada", "13.5"), ("dorothy", "14"), ("frank", "11"), ("leonhard", "4")):
        own = Page((root / f"report/mlp/students/{student}.html").read_text("utf-8")).said
        feedback = Page((root / f"feedback/{student}/mlp/mlp.html").read_text("utf-8")).said
        assert f"{score} of 14 points" in own
        assert f"{score} of 14 points" in feedback
        assert f"{score}/14" in next(line for line in table.splitlines() if line.startswith(student))
        assert (float(exported[student]["score"]), float(exported[student]["max_score"])) == (float(score), 14)
        assert score in index
        assert (f"Read, {student}." in own) == (f"Read, {student}." in feedback) == (student in {"ada", "dorothy"})
    assert "Check whether the mark still stands" in index
    assert "This file could not be read" in Page((root / "feedback/pierre/mlp/mlp.html").read_text("utf-8")).said
    assert "mlp.ipynb: 5,000 bytes" in (root / "autograded/pierre/mlp/mlp.ipynb").read_text("utf-8")
