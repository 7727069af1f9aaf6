"""A gradebook on PostgreSQL, by nbgrader's own setting: two runs at once, and a server that goes away meanwhile."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from sqlalchemy import text

from autograder.authoring import release
from autograder.course.course import CONFIG, Course
from autograder.errors import CannotGrade, KitError
from autograder.judge.reference import source_of
from autograder.run import Graded, database
from autograder.run import batch as run
from autograder.run.batch import Batch
from tests.conftest import copied_course, notebook_of
from tests.postgres import Postgres, postgres
from tests.recorded import Recorded, recorded

pytestmark = pytest.mark.slow(30)

NAMES = ("mlp", "cached")
STUDENTS = 60

Answers = dict[str, dict[bytes, str]]

Told = Callable[[int], None]


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A server of this module's own."""
    with postgres() as started:
        yield started


def notebooks(course: Course, name: str) -> list[bytes]:
    """One with all right answers, and one with the first of them."""
    right = [source_of(course.assignment(name), asked) for asked in course.assignment(name).names]
    return [json.dumps(notebook_of("import torch", *sources)).encode() for sources in (right, right[:1] * 2)]


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """A course with a class that has handed in two assignments."""
    course = copied_course(tmp_path_factory.mktemp("course"))
    papers = {name: notebooks(course, name) for name in NAMES}
    for name, number in itertools.product(NAMES, range(STUDENTS)):
        path = course.expected(name, f"student-{number:03}")
        path.parent.mkdir(parents=True)
        path.write_bytes(papers[name][number % 2])
    return course


@pytest.fixture(scope="module")
def on_postgres(handed_in: Course, server: Postgres) -> tuple[Course, str]:
    """The course with its gradebook on a server, both assignments released; and the gradebook's address."""
    url = server.url("gradebook")
    with (handed_in.root / "nbgrader_config.py").open("a", encoding="utf-8") as config:
        config.write(f"\nc.CourseDirectory.db_url = {url!r}\n")
    course = Course(handed_in.root)
    for name in NAMES:
        release.generate(course, name)
    return course, url


@pytest.fixture(scope="module")
def answers(on_postgres: tuple[Course, str]) -> Answers:
    """What grading each notebook gives, by assignment."""
    return {name: recorded(on_postgres[0], name, notebooks(on_postgres[0], name)) for name in NAMES}


def grade(course: Course, name: str, answers: dict[bytes, str], before: Told = lambda number: None) -> list[Graded]:
    """Grade an assignment by an engine of recorded answers, whatever was graded before."""
    with Batch(course, name, force=True, engine=Recorded(answers, before)) as batch:
        return list(batch)


def scores(url: str, name: str) -> dict[str, float]:
    """student -> score, as nbgrader itself reads it."""
    with Gradebook(url) as book:
        return {one.student.id: one.score for one in book.assignment_submissions(name)}


def test_two_runs_at_once_outlive_a_server_that_is_started_anew(
    on_postgres: tuple[Course, str],
    answers: Answers,
    server: Postgres,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both add the same new students, both are thrown out in mid-run, and both write every score, once."""
    course, url = on_postgres
    monkeypatch.setattr(run, "MOST_TOGETHER", 5)
    together = threading.Barrier(2, timeout=120)

    def before(number: int) -> None:
        if number in {0, 40}:
            together.wait()
        if number == 20 and threading.current_thread().name.endswith("_0"):
            server.stop()
            server.start()

    with ThreadPoolExecutor(2, thread_name_prefix="run") as runs:
        done = [runs.submit(grade, course, name, answers[name], before) for name in NAMES]
        found = dict(zip(NAMES, (one.result() for one in done), strict=True))

    for name in NAMES:
        assert [graded.again for graded in found[name]] == [True] * STUDENTS
        assert scores(url, name) == {graded.student: graded.result.score for graded in found[name]}
        assert len(scores(url, name)) == STUDENTS
        assert len({graded.result.score for graded in found[name]}) == 2, "a class of equals would prove nothing"


def test_a_server_that_stays_away_stops_the_run_in_a_sentence(
    on_postgres: tuple[Course, str],
    answers: Answers,
    server: Postgres,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was written is kept, what comes after it says what is wrong, and the next run does the rest."""
    course, _ = on_postgres
    monkeypatch.setattr(database, "LOCKED_S", 0.5)
    monkeypatch.setattr(run, "MOST_TOGETHER", 5)

    def before(number: int) -> None:
        if number == 20:
            server.stop()

    try:
        with pytest.raises(CannotGrade, match=r"can't be reached or used: .*then run the command again"):
            grade(course, "mlp", answers["mlp"], before)
        with pytest.raises(CannotGrade, match=r"can't be reached or used: .*See that its server runs"):
            grade(course, "mlp", answers["mlp"])
    finally:
        server.start()
    with Batch(course, "mlp", engine=Recorded(answers["mlp"])) as batch:
        assert len(list(batch)) == STUDENTS


def opening(folder: Path, url: str) -> str:
    """What is said where a course's gradebook can't be opened."""
    (folder / CONFIG).write_text(f"c = get_config()\nc.CourseDirectory.db_url = {url!r}\n", encoding="utf-8")
    with pytest.raises(KitError) as told, database.opened(Course(folder)):
        pass
    return str(told.value)


def test_what_a_server_has_not_is_told_as_that(server: Postgres, tmp_path: Path) -> None:
    """Neither nbgrader's version nor the kit is to blame for a database or a role that nobody has made."""
    url = server.url("made")
    for other, what in (
        (url.replace("/made", "/unmade"), 'database "unmade"'),
        (url.replace("course@", "nobody@"), 'role "nobody"'),
    ):
        said = opening(tmp_path, other)
        assert what in said
        assert "Make it on its server, or mend c.CourseDirectory.db_url." in said


def test_a_role_that_may_not_read_is_told_without_a_folder(server: Postgres, tmp_path: Path) -> None:
    """A server's tables lie in no folder of the course's."""
    url = server.url("closed")
    with database.tools_on_path(), Gradebook(url) as book:
        book.db.execute(text("CREATE ROLE reader LOGIN"))
        book.db.commit()
    said = opening(tmp_path, url.replace("course@", "reader@"))
    assert "Let its user read and write all its tables." in said
    assert "folder" not in said


@pytest.mark.parametrize("url", ["postgresql://ada:h@host:letmein/x", "letmein"])
def test_what_is_no_address_is_told_and_not_shown(tmp_path: Path, url: str) -> None:
    """It may hold a password in the wrong place."""
    said = opening(tmp_path, url)
    assert "c.CourseDirectory.db_url" in said
    assert "letmein" not in said
