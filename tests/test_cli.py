"""The commands: what they print, and one clear sentence for whatever they are given."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from autograder.course.course import Course
from autograder.result import Result
from autograder.run.records import Stored, store
from tests.conftest import REPO, answering, autograder, command, copied, copied_course, notebook_of
from tests.test_report import result


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory, right: dict[str, str]) -> Path:
    """A notebook on disk that is all right."""
    path = tmp_path_factory.mktemp("notebook") / "mine.ipynb"
    path.write_text(json.dumps(answering(right)), encoding="utf-8")
    return path


@pytest.mark.slow
def test_check_prints_the_record_and_nothing_else(course: Course, notebook: Path) -> None:
    """`check --json` prints a Result that can be read back."""
    done = autograder("check", notebook, "--assignment", "mlp", "--json", "--course", course.root)
    result = Result.model_validate_json(done.stdout)

    assert done.returncode == 0
    assert (result.score, result.max_score) == (12, 12)
    assert result.jail in {"full", "portable"}
    assert set(json.loads(done.stdout)) >= {
        "assignment", "submission", "score", "max_score", "status", "jail", "seed", "seconds", "flags", "questions",
    }  # fmt: skip


@pytest.mark.slow
def test_check_prints_a_verdict_for_a_person(course: Course, tmp_path: Path, right: dict[str, str]) -> None:
    """Without --json, the mistake is named in words."""
    path = tmp_path / "wrong.ipynb"
    path.write_text(json.dumps(answering(right, dloss="def dloss(v, t):\n    return v - t")), encoding="utf-8")
    done = autograder("check", path, "-a", "mlp", "--course", course.root)

    assert done.returncode == 0, "a weak submission is not an error"
    assert "half of what it should be" in " ".join(done.stdout.split())


BAD_USAGE = {
    "no such assignment": (["check", "{notebook}", "-a", "nothing"], 2, "There is no assignment nothing"),
    "no such file": (["check", "nowhere.ipynb", "-a", "mlp"], 2, "There is no file nowhere.ipynb"),
    "a folder for a file": (["check", "{folder}", "-a", "mlp"], 2, "is a folder"),
    "no assignment named": (["check", "{notebook}"], 2, "--assignment"),
    "a notebook that isn't one": (["check", "{text}", "-a", "mlp"], 1, "is not JSON"),
    "a notebook of something else": (["check", "{other}", "-a", "mlp"], 1, "defines none of"),
    "grade no such assignment": (["grade", "nothing"], 2, "There is no assignment nothing"),
    "an empty course": (["grade", "mlp"], 2, "No submissions in"),
    "grade no such student": (["grade", "mlp", "--student", "nobody"], 2, "There is no folder"),
    "release no such assignment": (["release", "nothing"], 2, "There is no assignment nothing"),
    "vet no such assignment": (["vet", "nothing"], 2, "There is no assignment nothing"),
    "report no such assignment": (["report", "nothing"], 2, "There is no assignment nothing"),
    "a name with a slip": (["grade", "layesr"], 2, "Did you mean layers?"),
    "a command with a slip": (["grad", "mlp"], 2, "Did you mean 'grade'?"),
    "report of a course before grading": (["report"], 1, "No submission of any assignment has been graded yet"),
    "report of a student in no assignment": (["report", "--student", "ada"], 2, "Name it: autograder report NAME"),
    "report before grading": (["report", "mlp"], 1, "No submission of mlp has been graded yet"),
    "demo into a folder in use": (["demo", "--into", "{folder}"], 2, "was not made by a demo"),
    "a course that is none": (["vet", "--course", "{folder}"], 2, "is not a course"),
    "no such command": (["nothing"], 2, "No such command"),
    "no such option": (["vet", "--nothing"], 2, "No such option"),
}


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory, notebook: Path) -> dict[str, Path]:
    """Files of every wrong kind."""
    folder = tmp_path_factory.mktemp("given")
    (folder / "text.ipynb").write_text("no notebook", encoding="utf-8")
    (folder / "other.ipynb").write_text(json.dumps(notebook_of("x = 1")), encoding="utf-8")
    return {
        "notebook": notebook, "folder": folder, "text": folder / "text.ipynb", "other": folder / "other.ipynb",
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", BAD_USAGE)
def test_bad_input_gets_one_sentence_and_its_exit_code(case: str, course: Course, given: dict[str, Path]) -> None:
    """Never a traceback; 2 for bad usage, 1 for what could not be graded."""
    words, code, sentence = BAD_USAGE[case]
    arguments = [word.format(**given) for word in words]
    if "--course" not in arguments and words[0] != "nothing":
        arguments += ["--course", str(course.root)]
    done = command(*arguments)
    said = " ".join((done.stdout + done.stderr).split())

    assert done.returncode == code, said
    assert sentence in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("verb", "default"),
    [
        ("grade", "[default: one per core]"),
        ("grade", "[default: the one above with nbgrader_config.py]"),
        ("release", "[default: all]"),
        ("vet", "[default: all]"),
        ("demo", "[default: demo]"),
        ("grade", "Exits with 1 if something can't be graded"),
    ],
)
def test_help_shows_what_holds_if_nothing_is_said(verb: str, default: str) -> None:
    """Brackets are text, and no markup."""
    assert default in " ".join(command(verb, "--help").stdout.replace("│", " ").split())


def test_a_student_who_is_not_there_is_answered_with_those_who_are(course: Course, tmp_path: Path) -> None:
    """`report` and `grade` name them, and the nearest; what has been graded is asked, not what somebody typed."""
    scratch = Course(tmp_path)
    for name in ("nbgrader_config.py", "source"):
        (tmp_path / name).symlink_to(course.root / name)
    for who in ("norbert", "olga"):
        record = result(who)
        kept = Stored(submission_sha256="", kit="", result=record)
        store(scratch, "mlp", who, kept)
        (tmp_path / "submitted" / who / "mlp").mkdir(parents=True)
    (tmp_path / "secret.json").write_text("{}", "utf-8")

    for verb in ("report", "grade"):
        done = command(verb, "mlp", "--student", "norbet", "--course", tmp_path)
        assert done.returncode == 2
        assert "norbert, olga. Did you mean norbert?" in done.stderr
    assert command("report", "mlp", "--student", "../../../secret", "--course", tmp_path).returncode == 2


@pytest.mark.slow
def test_outside_a_course_the_way_to_one_is_told(tmp_path: Path) -> None:
    """A command that finds no course says how to name one."""
    done = autograder("vet", cwd=tmp_path)

    assert done.returncode == 2
    assert "Use --course DIR" in done.stderr


def test_a_broken_configuration_is_told_as_that(tmp_path: Path) -> None:
    """A course whose nbgrader_config.py doesn't run is bad usage, told with Python's reason."""
    course = copied_course(tmp_path)
    (course.root / "nbgrader_config.py").write_text("c = get_config(\n", encoding="utf-8")
    done = command("grade", "mlp", "--course", course.root)

    assert done.returncode == 2
    assert "can't be run" in done.stderr or "No submissions" in done.stderr


def test_a_fault_of_the_kit_is_owned(tmp_path: Path) -> None:
    """A source notebook without a question's tests is refused with the file that mends it."""
    course = copied_course(tmp_path)
    path = course.root / "source" / "mlp" / "mlp.ipynb"
    path.write_text(path.read_text("utf-8").replace('"grade_id": "sigma",', '"grade_id": "unheard_of",'), "utf-8")
    submitted = course.root / "submitted" / "ada" / "mlp"
    submitted.mkdir(parents=True)
    shutil.copy(REPO / "release" / "mlp" / "mlp.ipynb", submitted)
    done = command("check", submitted / "mlp.ipynb", "-a", "mlp", "--course", course.root)

    assert done.returncode == 1
    assert "test_unheard_of.py" in done.stderr


@pytest.mark.slow
def test_grade_prints_every_result_as_json(released_course: Course, tmp_path: Path, right: dict[str, str]) -> None:
    """`grade --json` is a list of Results, sorted by student; a second run changes nothing."""
    course = copied(released_course, tmp_path / "course")
    for student in ("zoe", "ada"):
        folder = course.root / "submitted" / student / "mlp"
        folder.mkdir(parents=True)
        (folder / "mlp.ipynb").write_text(json.dumps(answering(right)), encoding="utf-8")
    first = autograder("grade", "mlp", "--json", "--course", course.root)
    again = command("grade", "mlp", "--json", "--course", course.root)
    results = TypeAdapter(list[Result]).validate_json(first.stdout)

    assert [(result.submission, result.score) for result in results] == [("ada", 12), ("zoe", 12)]
    assert {(result.max_score, result.total, result.max_total) for result in results} == {(12, 12, 14)}
    assert again.stdout == first.stdout


@pytest.mark.slow
def test_grade_before_a_release_says_so(tmp_path: Path, right: dict[str, str]) -> None:
    """The gradebook has no place for an assignment that was never released: the command that makes it is told."""
    course = copied_course(tmp_path)
    folder = course.root / "submitted" / "ada" / "mlp"
    folder.mkdir(parents=True)
    (folder / "mlp.ipynb").write_text(json.dumps(answering(right)), encoding="utf-8")
    unreleased = command("grade", "mlp", "--course", course.root)

    assert unreleased.returncode == 1
    assert "Release it first: autograder release mlp" in unreleased.stderr
