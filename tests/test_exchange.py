"""JupyterHub's way: nbgrader's exchange hands out and collects between users of one machine, and the kit grades it."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from nbgrader.apps import CollectApp, ReleaseAssignmentApp

from autograder.authoring.demo import filled
from autograder.course.course import Course
from tests.conftest import REPO, command, copied, released
from tests.test_ordinary_user import ordinary_python

USERS = ("nobody", "daemon") if os.geteuid() == 0 else (pwd.getpwuid(os.geteuid()).pw_name,)
"""Who hands in: two users of this machine where the tests may become them, else whoever runs the tests."""

STUDENT = """
import pathlib, shutil, sys
from nbgrader.apps import FetchAssignmentApp, SubmitApp

exchange, answers = sys.argv[1:]
for kind in (FetchAssignmentApp, SubmitApp):
    app = kind()
    app.initialize(["mlp", "--course=backprop", f"--Exchange.root={exchange}"])
    app.start()
    shutil.copyfile(answers, pathlib.Path("mlp", "mlp.ipynb"))
"""
"""What a student does: fetch, write into what was fetched, submit."""


@pytest.mark.slow(20)
def test_release_fetch_submit_collect_and_grade(
    released_course: Course, right: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each user hands in under their own name, with the time, and gets their own points."""
    course = copied(released_course, tmp_path / "course")
    monkeypatch.chdir(course.root)
    monkeypatch.setattr(sys, "path", [*sys.path])  # nbgrader puts the folder that it starts in there
    with tempfile.TemporaryDirectory() as made:  # pytest's own folders are closed to other users
        folder = Path(made)
        folder.chmod(0o755)
        exchange = folder / "exchange"
        exchange.mkdir()
        exchange.chmod(0o777)
        release = ReleaseAssignmentApp()
        release.initialize(["mlp", f"--Exchange.root={exchange}"])
        release.start()
        answers = {"nobody": right, "daemon": {**right, "sigma": "def sigma(x):\n    return x"}}
        python, packages = ordinary_python(folder) if os.geteuid() == 0 else (sys.executable, str(REPO))
        running = []
        for user in USERS:
            home = folder / user
            home.mkdir()
            (home / "answers.ipynb").write_text(json.dumps(filled(released("mlp"), answers.get(user, right))))
            shutil.chown(home, user)
            about = pwd.getpwnam(user)
            as_user = {"user": about.pw_uid, "group": about.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
            running.append(
                subprocess.Popen(
                    [python, "-c", STUDENT, exchange, home / "answers.ipynb"],
                    cwd=home,
                    env={"PATH": os.environ["PATH"], "PYTHONPATH": packages, "HOME": str(home), "USER": user},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    **as_user,
                )
            )
        for each, said in [(each, each.communicate(timeout=300)[0]) for each in running]:
            assert each.returncode == 0, said
        collect = CollectApp()
        collect.initialize(["mlp", f"--Exchange.root={exchange}"])
        collect.start()

    done = command("grade", "mlp", "--json", "--trust-students", "--course", course.root)
    assert done.returncode == 0, done.stderr
    found = {record["submission"]: record["score"] for record in json.loads(done.stdout)}
    assert set(found) == set(USERS)
    assert found[USERS[0]] == 12
    assert all(found[user] < 12 for user in USERS[1:])
    for user in USERS:
        stamp = course.root / "submitted" / user / "mlp" / "timestamp.txt"
        assert stamp.read_text().endswith("UTC")
