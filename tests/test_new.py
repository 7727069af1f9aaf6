"""A new assignment and a new course: whole or not at all, never over anything, and in any course."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autograder.authoring import founding, starter
from autograder.authoring import release as released
from autograder.authoring.slips import slips
from autograder.course import CONFIG, Assignment, BackpropKit, Course, hidden_tests, lessons
from autograder.errors import CannotGrade, UsageError
from autograder.judge import bank, checks
from tests.conftest import REPO, command


@pytest.fixture
def found(released_course: Course) -> Callable[[Path], Course]:
    """Make an empty course of somebody's own; its gradebook is a copy, because making one takes nbgrader seconds."""

    def make(folder: Path) -> Course:
        made = founding.found(folder)
        shutil.copy(released_course.root / "gradebook.db", folder)
        return made

    return make


@pytest.fixture
def mine(found: Callable[[Path], Course], tmp_path: Path) -> Course:
    """An empty course of somebody's own."""
    return found(tmp_path / "mine")


def everything(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# ---- a course ----


def test_each_setting_stands_in_a_new_course_with_what_it_does(mine: Course) -> None:
    """A setting of the kit's is there with its help and the value that it has; taking the # away changes nothing."""
    text = (mine.root / CONFIG).read_text("utf-8")
    for name, trait in BackpropKit.class_own_traits(config=True).items():
        assert f"# {' '.join(trait.help.split())}\n# c.BackpropKit.{name} = " in text
    (mine.root / CONFIG).write_text(text.replace("# c.BackpropKit.", "c.BackpropKit."), encoding="utf-8")

    assert Course(mine.root).settings.judging == mine.settings.judging
    assert mine.config.CourseDirectory.course_id == "mine"


def test_this_checkouts_settings_are_a_new_courses() -> None:
    """nbgrader_config.py of this repository says what `init` writes, but for the name and the hidden tests."""
    own = Course(REPO).config
    assert own.BackpropKit.pop("hidden_tests") == "autograder/assignments"
    new = json.loads(json.dumps(own).replace('"backprop"', '"mine"'))

    assert {name: part for name, part in new.items() if part} == _loaded(founding.settings("mine"))


def _loaded(text: str) -> dict[str, object]:
    from traitlets.config import Config

    config = Config()
    exec(text, {"get_config": lambda: config, "__file__": "elsewhere/nbgrader_config.py"})  # as traitlets does it
    found: dict[str, object] = json.loads(json.dumps(config))
    return found


@pytest.mark.parametrize("more", ["", f"sys.path[:] = [place for place in sys.path if place != {str(REPO)!r}]\n"])
def test_a_courses_settings_take_its_folder_off_the_places_of_modules_and_never_the_kit(
    more: str, mine: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that grades is started with this one's places, once a course's settings were read."""
    monkeypatch.chdir(REPO)
    (mine.root / CONFIG).write_text((mine.root / CONFIG).read_text("utf-8") + more, "utf-8")
    others = [place for place in sys.path if place not in {"", str(REPO)}]
    monkeypatch.setattr(sys, "path", [str(mine.root), *others, str(REPO)])

    assert Course(mine.root).config

    assert sys.path == [*others, str(REPO)]


def test_what_must_not_be_published_is_kept_out_of_git(mine: Course) -> None:
    """The secret, the records, the gradebook, and all that students hand in and get back are ignored."""
    lines = (mine.root / ".gitignore").read_text("utf-8").splitlines()

    assert {"/.autograder/", "/gradebook.db*", "/submitted/", "/autograded/", "/feedback/"} <= {*lines}
    assert {"/report/", "/grades.csv", "/solutions/"} <= {*lines}


@pytest.mark.parametrize("there", ["README.md", ".gitignore", CONFIG, "source/mlp/notes.txt"])
def test_a_course_is_never_made_over_anything(there: str, tmp_path: Path) -> None:
    """Where a file or a lesson of a course lies already, nothing is written, and what lies there is named."""
    (tmp_path / there).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / there).write_text("mine", encoding="utf-8")
    refused = command("init", tmp_path, "--lesson", "mlp")

    assert refused.returncode == 2
    assert "nothing is overwritten" in refused.stderr
    assert everything(tmp_path) == {there: b"mine"}


@pytest.mark.parametrize("name", [b"b\xff", b"two\nlines", b"\x1b[31m"])
def test_a_course_has_a_name_that_can_be_written(tmp_path: Path, name: bytes) -> None:
    """It stands in the course's README and settings; nothing is made where it can't."""
    with pytest.raises(UsageError, match="can't be a course's name"):
        founding.found(tmp_path / os.fsdecode(name))
    assert not [*tmp_path.iterdir()]


def test_other_files_don_t_stand_in_a_courses_way(tmp_path: Path) -> None:
    """A folder with a licence becomes a course; a lesson that the kit hasn't is refused before anything is written."""
    (tmp_path / "LICENSE").write_text("mine", encoding="utf-8")
    assert command("init", tmp_path, "--lesson", "nowhere").returncode == 2
    assert everything(tmp_path) == {"LICENSE": b"mine"}
    made = command("init", tmp_path, "--lesson", "mlp", "--lesson", "batch")

    assert made.returncode == 0
    assert Course(tmp_path).assignments == ("batch", "mlp")
    assert (tmp_path / "LICENSE").read_bytes() == b"mine"


# ---- where a lesson is found ----


def test_the_kits_lessons_come_with_it(mine: Course) -> None:
    """A course without a source of its own takes the kit's, and without hidden tests of its own the kit's."""
    for name in lessons():
        found = mine.assignment(name)
        assert found.tests == Course(REPO).assignment(name).tests
        assert all(place.startswith("backprop-kit ") for place in found.places)
    assert mine.assignments == ()
    assert "has no lesson yet" in command("vet", "--course", mine.root).stderr


def test_a_source_that_asks_what_the_tests_don_t_is_refused_with_the_command_that_helps(mine: Course) -> None:
    """A copied source with another question is not judged by the kit's tests; with tests copied, they are named."""
    founding.copy(mine, "mlp")
    shutil.rmtree(mine.root / "hidden_tests")
    path = mine.root / "source" / "mlp" / "mlp.ipynb"
    path.write_text(path.read_text("utf-8").replace('"grade_id": "dsigma"', '"grade_id": "slope"'), encoding="utf-8")
    refused = command("vet", "mlp", "--course", mine.root)

    assert refused.returncode == 1
    assert "no hidden tests for slope and tests for dsigma" in " ".join(refused.stdout.split())
    copied = command("copy", "mlp", "--course", mine.root)
    assert "hidden_tests/mlp" in copied.stdout
    assert command("copy", "mlp", "--course", mine.root).returncode == 2
    with pytest.raises(CannotGrade, match=r"Write them in hidden_tests/mlp/test_slope\.py"):
        _ = mine.assignment("mlp").questions


def test_two_courses_have_lessons_of_one_name(found: Callable[[Path], Course], tmp_path: Path) -> None:
    """Each is judged by its own hidden tests and bank, in one process; a change of them is seen at once."""
    ours, theirs = (found(tmp_path / name) for name in ("ours", "theirs"))
    for course in (ours, theirs):
        starter.create(course, "waves")
    path = theirs.root / "hidden_tests" / "waves" / "test_softsign.py"
    path.write_text(path.read_text("utf-8").replace("Softsign is x", "Their softsign is x"), encoding="utf-8")
    cards = path.with_name("bank.toml")
    cards.write_text(cards.read_text("utf-8").replace("softsign-squared", "theirs"), encoding="utf-8")

    def said(course: Course) -> list[str]:
        return [check.says for check in checks(course.assignment("waves").tests, "softsign")]

    assert said(ours)[0] == "Softsign is x / (1 + |x|), entry by entry"
    assert said(theirs)[0] == "Their softsign is x / (1 + |x|), entry by entry"
    assert "theirs" in {card.id for card in bank(theirs.assignment("waves").tests).misconception}
    assert "theirs" not in {card.id for card in bank(ours.assignment("waves").tests).misconception}
    before = theirs.assignment("waves").digest
    path.write_text(path.read_text("utf-8").replace("Their softsign", "Now softsign"), encoding="utf-8")
    assert said(theirs)[0].startswith("Now softsign")
    assert theirs.assignment("waves").digest != before
    path.write_text("from . import nothing_there\n", encoding="utf-8")
    with pytest.raises(CannotGrade, match=r"test_softsign\.py can't be imported: ImportError"):
        said(theirs)


Slip = tuple[str, str, str, str]
"""A file of the lesson, what is changed in it, and words of what is said then."""

SLIPS: dict[str, Slip] = {
    "an edit of other words": ("bank.toml", '["x.abs()", "x * x"]', '["x.obs()", "x"]', "softsign-squared: `x.obs()`"),
    "a function that is none": ("bank.toml", '"dsoftsign"', '"slope"', "softsign-signed: the source notebook doesn't"),
    "a variant that is no Python": (
        "bank.toml",
        "def softsign(x):",
        "def softsign(x:",
        "softsign-where: line 1 is not",
    ),
    "a card without its sentence": ("bank.toml", "says =", "# says =", "misconception, softsign-squared, says: Field"),
    "no TOML": ("bank.toml", "[[variant]]", "[[variant", "bank.toml is no valid TOML"),
    "a file beside": ("cases.py", "from torch import", "from flows import", "imported as `from . import flows`"),
    "no Python": ("flows.py", "def softsign(nb, x):", "def softsign(nb, x)", "test_softsign.py can't be imported"),
    "a cell that is no Python": (
        "waves.ipynb",
        "def softsign(x):",
        "def softsign(x)",
        "the cell softsign-code, line 1",
    ),
}


@pytest.fixture
def written(mine: Course) -> Callable[[Slip], Assignment]:
    """Put a slip into a lesson of one's own, and mend the slip before."""
    source, tests, _ = starter.create(mine, "waves")
    whole = {path: path.read_text("utf-8") for folder in (source, tests) for path in folder.glob("*.*")}

    def slipped(slip: Slip) -> Assignment:
        for path, text in whole.items():
            path.write_text(text.replace(*slip[1:3]) if path.name == slip[0] else text, encoding="utf-8")
        return Course(mine.root).assignment("waves")

    return slipped


def test_slips_are_told_with_their_place_before_anything_is_tried(written: Callable[[Slip], Assignment]) -> None:
    """Vetting names the card, the cell or the file that is to be mended, and the lesson as it is made has none."""
    assert not any(wrong for _, wrong, _ in slips(written(("bank.toml", "", "", ""))))
    for kind, slip in SLIPS.items():
        found = [line for _, wrong, _ in slips(written(slip)) for line in wrong]
        assert (kind, any(slip[3] in line for line in found)) == (kind, True)


@pytest.mark.parametrize(
    "slip",
    [
        ("test_softsign.py", "values(draw(spec))", "valuez(draw(spec))", "NameError: name 'valuez' is not defined"),
        ("flows.py", "def softsign", "def sofftsign", "AttributeError: module 'flows' has no attribute 'softsign'"),
    ],
)
def test_a_hidden_test_that_stops_is_told_by_its_line(slip: Slip, written: Callable[[Slip], Assignment]) -> None:
    """It is the course's own, no fault of the kit: the file, the line, and what was raised."""
    place = written(slip).tests.folder / "test_softsign.py"
    number = next(n for n, line in enumerate(place.read_text("utf-8").split("\n"), 1) if "compare(student" in line)
    stopped = command("vet", "waves", "--course", place.parents[2])

    assert stopped.returncode == 1
    assert f"autograder: {place}, line {number}, stopped with {slip[3]}. Fix it there.\n" in stopped.stderr


def test_a_lesson_that_got_another_name_by_halves_is_told_so(mine: Course) -> None:
    """A folder without a notebook of its name is no unknown lesson: the sentence says what lies there."""
    folder = mine.root / "source" / "gates"
    folder.mkdir(parents=True)
    (folder / "waves.ipynb").write_text("{}", encoding="utf-8")
    refused = command("vet", "gates", "--course", mine.root)

    assert refused.returncode == 2
    assert f"{folder} has waves.ipynb; a lesson's notebook is named like its folder." in refused.stderr


def test_questions_without_tests_are_told_together(written: Callable[[Slip], Assignment]) -> None:
    """Whoever renames all questions of a lesson hears of all at once."""
    assignment = written(("", "", "", ""))
    for path in assignment.tests.folder.glob("test_*.py"):
        path.unlink()
    with pytest.raises(
        CannotGrade, match=r"dsoftsign and softsign have no .*/test_dsoftsign.py and .*/test_softsign.py"
    ):
        _ = assignment.questions


def test_whatever_lies_beside_hidden_tests_is_part_of_what_is_judged_by(tmp_path: Path) -> None:
    """Data and further modules change the digest; what Python and editors leave there doesn't."""
    (tmp_path / "test_q.py").write_text("from .numbers import x", encoding="utf-8")
    digests = [hidden_tests(tmp_path).digest]
    for name in ("numbers.py", "data/x.csv", "__pycache__/numbers.pyc", ".test_q.py.swp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1", encoding="utf-8")
        digests.append(hidden_tests(tmp_path).digest)

    assert len({*digests}) == 3
    assert len({*digests[2:]}) == 1


# ---- a lesson ----


@pytest.mark.parametrize("name", ["waves", "mlp", "3d", "Upper", "for", "a-b", "../up", ""])
def test_a_name_that_cannot_be_used_is_refused(name: str, mine: Course) -> None:
    """A name that is taken, or can't be a folder's and a package's, is bad usage; nothing is written."""
    (mine.root / "source" / "waves").mkdir(parents=True)
    (mine.root / "source" / "waves" / "notes.txt").write_text("mine", encoding="utf-8")
    before = everything(mine.root)
    refused = command("new", name, "--course", mine.root)

    assert refused.returncode == 2
    assert refused.stderr.startswith("autograder: ")
    assert everything(mine.root) == before


@pytest.fixture(params=["no release", "no source", "killed before the release", "settings"])
def spoiled(request: pytest.FixtureRequest, mine: Course, monkeypatch: pytest.MonkeyPatch) -> Iterator[Course]:
    """A course in which making a lesson fails at some step."""

    def fails(*_: object, **__: object) -> None:
        raise CannotGrade("out of luck")

    if request.param == "no release":
        monkeypatch.setattr(released, "generate", fails)
    elif request.param == "no source":
        (mine.root / "source").write_text("in the way", encoding="utf-8")
    elif request.param == "settings":
        with (mine.root / CONFIG).open("a", encoding="utf-8") as file:
            file.write('c.GenerateAssignment.preprocessors = ["nowhere.to.be.Found"]\n')
    else:
        monkeypatch.setattr(released, "generate", fails)
        monkeypatch.setattr("autograder.authoring.placing.shutil.rmtree", lambda *_, **__: None)
    return mine


def test_a_lesson_that_fails_leaves_nothing_and_can_be_made_then(
    spoiled: Course, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stops it is told; where it was killed, the next one goes on."""
    kind = request.node.callspec.params["spoiled"]
    before = everything(spoiled.root)
    failed = command("new", "waves", "--course", spoiled.root)

    assert failed.returncode == 1
    assert "fault of the kit" not in failed.stderr
    if not kind.startswith("killed"):
        assert everything(spoiled.root) == before
        assert not (spoiled.root / "hidden_tests").exists()
    monkeypatch.undo()
    (spoiled.root / "source").is_file() and (spoiled.root / "source").unlink()
    (spoiled.root / CONFIG).write_text(founding.settings("mine"), encoding="utf-8")
    again = command("new", "waves", "--course", spoiled.root)

    assert again.returncode == 0, again.stderr
    assert command("new", "waves", "--course", spoiled.root).returncode == 2


def test_in_the_kits_own_course_a_lesson_lies_where_the_settings_say(mine: Course) -> None:
    """Hidden tests of this checkout's own lessons lie with the kit's code."""
    shutil.copy(REPO / CONFIG, mine.root)
    _, tests, _ = starter.create(Course(mine.root), "waves")

    assert tests == mine.root / "autograder" / "assignments" / "waves"
    assert Course(mine.root).assignment("waves").places == ("source/waves/waves.ipynb", "autograder/assignments/waves")
