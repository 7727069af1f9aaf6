"""What is in a bundle, and what is not; how it is asked for."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from autograder.authoring import starter
from autograder.course import CONFIG, Course
from autograder.errors import CannotGrade, UsageError
from autograder.platforms.bundle import bundle
from tests.conftest import command, copied


@pytest.fixture
def course(released_course: Course, tmp_path: Path) -> Course:
    """A course of one's own."""
    return copied(released_course, tmp_path / "course")


def test_a_bundle_has_this_lesson_and_nothing_of_others(course: Course) -> None:
    """It holds the secret, for its owner alone; no other lesson's tests or solutions, no address of a database."""
    with (course.root / CONFIG).open("a", encoding="utf-8") as settings:
        settings.write("\nc.BackpropKit.call_s = 2\nc.CourseDirectory.db_url = 'postgresql://me:word@host'\n")
    path = bundle(course, "mlp", "gradescope")
    with zipfile.ZipFile(path) as bundled:
        names = set(bundled.namelist())
        told, readme = (bundled.read(name).decode() for name in (f"course/{CONFIG}", "README.md"))
        modes = {name: bundled.getinfo(name).external_attr >> 16 for name in ("setup.sh", "run_autograder")}
        secret = bundled.read("course/secret").decode().strip()

    assert secret == (course.root / ".autograder" / "secret").read_text("ascii").strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not [
        name
        for name in names
        if "/mlp/" not in name and ("/source/" in name or ("assignments/" in name and name.count("/") > 3))
    ]
    assert "kit/autograder/assignments/mlp/test_sigma.py" in names
    assert "call_s = 2.0\n" in told
    assert "postgresql" not in told
    assert set(modes.values()) == {0o755}
    assert "autograder points | 12; read by a person, and not in it: derivation (2 points)" in readme
    assert not {
        word
        for word in (
            "ASSIGNMENT",
            "BY_HAND",
            "LARGE",
            "MEMORY",
            "MINUTES",
            "POINTS",
            "SMALL",
            "PYTHON",
            "SHOWN",
            "VERSION",
        )
        if word in readme
    }
    again = path.read_bytes()
    bundle(course, "mlp", "gradescope")
    assert path.read_bytes() == again


@pytest.mark.everything
def test_a_lesson_of_the_courses_own_travels_with_its_tests(course: Course) -> None:
    """A course's own hidden tests are in its bundle, and none of the kit's."""
    (course.root / CONFIG).write_text("c = get_config()\n", encoding="utf-8")
    own = Course(course.root)
    starter.create(own, "waves")
    with zipfile.ZipFile(bundle(own, "waves", "gradescope")) as bundled:
        names = set(bundled.namelist())

    assert {"course/source/waves/waves.ipynb", "course/hidden_tests/waves/bank.toml"} <= names
    assert not [name for name in names if name.startswith("kit/autograder/source") or name.endswith("mlp/bank.toml")]


def test_bad_usage_is_told_in_a_sentence(course: Course) -> None:
    """Another platform, another assignment, or a folder that can't be written: what there is, and no traceback."""
    with pytest.raises(UsageError, match=r"There is no bundle for grade_scope. .* Did you mean gradescope\?"):
        bundle(course, "mlp", "grade_scope")
    with pytest.raises(UsageError, match="is no address of an index"):
        bundle(course, "mlp", "gradescope", "https://example.org/x\n-r /etc/passwd")
    with pytest.raises(UsageError, match="There is no assignment mlq"):
        bundle(course, "mlq", "gradescope")
    (course.root / "bundles").write_text("in the way", encoding="utf-8")
    with pytest.raises(CannotGrade, match="can't be written"):
        bundle(course, "mlp", "gradescope")
    (course.root / "bundles").unlink()
    done = command("bundle", "mlp", "--for", "gradescope", "--course", course.root)
    assert (done.returncode, "give it to nobody else" in done.stdout) == (0, True), done.stderr
