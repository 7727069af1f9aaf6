"""What is right on a student's machine is right here: what this one lacks costs nothing, or a person is asked."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from autograder.course.assignment import Assignment
from autograder.course.course import Course
from autograder.jail.devices import here
from autograder.jail.host import Inmate, Jail, Limits
from autograder.jail.jailed import Jailer
from autograder.jail.session import Step
from autograder.jail.student import Opener, trusting
from autograder.judge.grader import Grader
from autograder.judge.submission import Submission
from autograder.notebook import modules
from autograder.notebook.file import read
from autograder.notebook.notebook import Notebook
from autograder.result import Result
from autograder.run import hand
from tests.conftest import notebook_of, released

pytestmark = pytest.mark.slow

Answers = dict[str, str]
Grade = Callable[[list[str]], Result]

TENSORS = "w1, b1, w2, b2, x"


def after(name: str, line: str) -> Callable[[Answers], list[str]]:
    """Every answer, with a line at the beginning of one."""

    def cells(right: Answers) -> list[str]:
        head, _, body = right[name].partition("\n")
        return ["import torch", *(right | {name: f"{head}\n    {line}\n{body}"}).values()]

    return cells


def first(*lines: str) -> Callable[[Answers], list[str]]:
    """Every answer, below another first cell."""
    return lambda right: ["\n".join(lines), *right.values()]


def looped(by: str, line: str) -> Callable[[Answers], list[str]]:
    """Every answer, the steps of `train` gone through by something else than `range`."""
    return lambda right: [
        f"import torch\n{line}",
        *(right | {"train": right["train"].replace("in range(steps)", f"in {by}", 1)}).values(),
    ]


def written(name: str, form: str) -> Callable[[Answers], list[str]]:
    """Every answer, one of them in another form; `{0}` is the reference's own text."""
    return lambda right: ["import torch", *(right | {name: form.format(right[name])}).values()]


BARS = {
    "tqdm": looped("tqdm(range(steps))", "from tqdm import tqdm"),
    "tqdm.auto": looped("tqdm(range(steps), desc='steps')", "from tqdm.auto import tqdm"),
    "tqdm.notebook": looped("trange(steps)", "from tqdm.notebook import tqdm, trange"),
    "tqdm by its module": looped("tqdm.tqdm(range(steps))", "import tqdm"),
    "fastprogress": looped(
        "master_bar(range(steps))", "from fastprogress.fastprogress import master_bar, progress_bar"
    ),
    "alive_progress": looped("alive_it(range(steps))", "from alive_progress import alive_it"),
    "rich": looped("track(range(steps), description='steps')", "from rich.progress import track"),
}

COMPILED = {
    "torch.compile": written("sigma", "@torch.compile\n{0}"),
    "torch.compile with a backend": written("dsigma", "@torch.compile(backend='inductor', fullgraph=True)\n{0}"),
    "torch.jit.script": written("dsigma", "@torch.jit.script\n{0}"),
    "torch.jit.trace": written("sigma", "sigma = torch.jit.trace(lambda x: x.tanh(), torch.ones(3))"),
}

GPU = {
    "a device in a name": after("forward_pass", f"{TENSORS} = (v.to('cuda') for v in ({TENSORS}))"),
    "cuda()": after("forward_pass", f"{TENSORS} = (v.cuda(non_blocking=True) for v in ({TENSORS}))"),
    "mps": after("forward_pass", f"{TENSORS} = (v.to(torch.device('mps')) for v in ({TENSORS}))"),
    "the default device": first("import torch", "torch.set_default_device('cuda')"),
    "the default type": first("import torch", "torch.set_default_tensor_type('torch.cuda.FloatTensor')"),
    "autocast": written(
        "loss", "def loss(v, t):\n    with torch.autocast('cuda'):\n        return (v.cuda() - t.cuda()).pow(2).sum()"
    ),
    "waiting for it": after("loss", "torch.cuda.synchronize(); torch.cuda.empty_cache(); torch.cuda.manual_seed(1)"),
}

WORKERS = {
    "a loader": written(
        "loss",
        "from torch.utils.data import DataLoader, TensorDataset\ndef loss(v, t):\n"
        "    loader = DataLoader(TensorDataset(v, t), num_workers=2, persistent_workers=True)\n"
        "    return sum((a - b).pow(2).sum() for a, b in loader)",
    ),
    "a pool": written(
        "dloss",
        "from multiprocessing import Pool\ndef twice(p):\n    return 2 * (p[0] - p[1])\ndef dloss(v, t):\n"
        "    with Pool(2) as pool:\n        return torch.stack(pool.map(twice, zip(v, t)))",
    ),
    "threads": written(
        "dsigma",
        "from concurrent.futures import ThreadPoolExecutor\ndef dsigma(x):\n"
        "    with ThreadPoolExecutor(100) as pool:\n"
        "        return torch.stack(list(pool.map(lambda s: 1 - sigma(s) ** 2, x)))",
    ),
}

LEFT_IN = {
    "breakpoint": after("loss", "breakpoint()"),
    "pdb": after("dsigma", "import pdb; pdb.set_trace()"),
    "IPython's": after("loss", "from IPython.core.debugger import set_trace; set_trace()"),
    "ipdb": after("loss", "import ipdb; ipdb.set_trace()"),
    "sleep": written("loss", "from time import sleep\ndef loss(v, t):\n    sleep(60)\n    return (v - t).pow(2).sum()"),
}

QUIET = {
    "torch.compile, called": written("loss", "{0}\nloss = torch.compile(loss, mode='reduce-overhead')"),
    "modules in one line": first("import numpy as np, no_such_pandas as pd, torch"),
    "a mark of byte order": first("\ufeffimport torch"),
    "drawing": written(
        "loss",
        "import matplotlib.pyplot as plt\ndef loss(v, t):\n    for _ in range(100):\n"
        "        figure, (left, right) = plt.subplots(1, 2)\n        line, = plt.plot(v)\n        plt.show()\n"
        "    return (v - t).pow(2).sum()",
    ),
    "one's own source": written("loss", "import inspect\n{0}\nassert 'def loss' in inspect.getsource(loss)"),
    "half precision": after("loss", "(torch.ones(3, 3).half() @ torch.ones(3, 3).half()).sum()"),
    "a GPU only if there is one": first("import torch", "D = 'cuda' if torch.cuda.is_available() else 'cpu'"),
    "a text that is written": lambda right: [
        "import torch",
        f"%%writefile mynet.py\nimport torch\n{right.pop('sigma')}",
        "from mynet import sigma",
        *right.values(),
    ],
    "a text that is run": lambda right: [
        f"%%writefile mynet.py\nimport torch\n{right.pop('sigma')}",
        "%run mynet.py",
        *right.values(),
    ],
    "everything from a text": lambda right: [
        "%%writefile mynet.py\nimport torch\n" + "\n".join(right.values()),
        "from mynet import *",
    ],
}

GIVEN = {
    "import *": first("from exp.nb_01 import *"),
    "in one try": first("try:", "    import no_such_pandas, torch", "except ImportError:", "    pass"),
}

TOLD = {
    "draws progress bars": BARS,
    "has torch compile": COMPILED,
    "names a GPU": GPU,
    "other processes or threads": WORKERS,
    "stops for a debugger": {name: LEFT_IN[name] for name in ("breakpoint", "pdb", "IPython's", "ipdb")},
    "waits (sleep)": {"sleep": LEFT_IN["sleep"]},
    "as in the lesson": GIVEN,
    "": QUIET,
}
"""What the record says was put right, or nothing -> notebooks."""

CASES = {name: (told, cells) for told, cases in TOLD.items() for name, cells in cases.items()}


@pytest.fixture(scope="module")
def jail() -> Iterator[Jail]:
    """The best jail that this machine has."""
    with Jail(limits=Limits(call_s=20.0, cell_s=20.0)) as opened:
        yield opened


@pytest.fixture(scope="module")
def portable() -> Iterator[Opener]:
    """A jail of the portable layers."""
    with Jail("portable", Limits(call_s=20.0, cell_s=20.0)) as opened:
        yield Jailer(opened)


def grading(course: Course, mlp: Assignment, opener: Opener) -> Grade:
    """What grades a notebook of some cells."""
    grader = Grader(mlp, course.seed("mlp"), opener)
    return lambda cells: grader.grade(Notebook(notebook_of(*cells)), "made up").result


@pytest.fixture
def grade(course: Course, mlp: Assignment, jail: Jail) -> Grade:
    """Grade some cells in the jail."""
    return grading(course, mlp, Jailer(jail))


def lost(result: Result) -> Mapping[str, float | None]:
    """What each question has that has not its full points; nothing of a written answer."""
    return {q.id: q.points for q in result.questions if q.points != q.max_points and (q.message or q.tests)}


@pytest.mark.parametrize("name", CASES)
def test_what_this_machine_lacks_costs_nothing(grade: Grade, right: Answers, name: str) -> None:
    """Every point is given, nobody is accused of anything, and what stood in is told."""
    told, cells = CASES[name]
    result = grade(cells(dict(right)))

    assert lost(result) == {}
    assert not any("by hand" in flag or "did not run: It took" in flag for flag in result.flags)
    assert len(result.mended) == bool(told)
    assert all(told in sentence for sentence in result.mended)


@pytest.mark.sample(8, "name")
@pytest.mark.parametrize("name", sorted(set(CASES) - {"sleep", "drawing", "half precision"}))
def test_other_ways_to_hold_a_notebook_find_the_same(
    course: Course, mlp: Assignment, portable: Opener, right: Answers, name: str
) -> None:
    """With the portable layers, and with none, the record is the same."""
    cells = CASES[name][1]
    results = [grading(course, mlp, opener)(cells(dict(right))) for opener in (portable, trusting)]

    assert [lost(result) for result in results] == [{}, {}]
    assert results[0].mended == results[1].mended


def test_nothing_stands_in_once_a_trusted_notebook_is_done(course: Course, mlp: Assignment, right: Answers) -> None:
    """Where grader and student share a process, torch, Python's modules and what was imported are as before."""
    before = (
        torch.compile,
        torch.jit.script,
        time.sleep,
        multiprocessing.Pool,
        torch.cuda.synchronize,
        [*sys.meta_path],
    )
    for name in ("tqdm", "the default device", "torch.compile", "a pool", "a text that is written"):
        grading(course, mlp, trusting)(CASES[name][1](dict(right)))

    now = (torch.compile, torch.jit.script, time.sleep, multiprocessing.Pool, torch.cuda.synchronize, [*sys.meta_path])
    assert now == before
    assert not {"tqdm", "mynet"} & {*sys.modules}
    assert not Path("mynet.py").exists()
    assert torch.ones(1).device.type == "cpu"


WANTING = {
    "a module": "import no_such_pandas as pd\ndef loss(v, t):\n    return pd.total(v - t)",
    "a module inside": "def loss(v, t):\n    from no_such_pandas import total\n    return total(v - t)",
    "a module that may be missing": "try:\n    import no_such_pandas as pd\nexcept ImportError:\n    pd = None\n"
    "def loss(v, t):\n    return pd.total(v - t)",
    "a decorator": "from no_such_pandas import jit\n@jit\ndef loss(v, t):\n    return (v - t).pow(2).sum()",
    "a file that was not handed in": "from no_such_pandas import loss",
}


@pytest.mark.parametrize("name", WANTING)
def test_a_module_that_is_not_here_asks_a_person(grade: Grade, right: Answers, name: str) -> None:
    """No point is taken and none is given; the sentence names the module, and where it is imported."""
    result = grade(["import torch", *(right | {"loss": WANTING[name]}).values()])
    question = result.question("loss")

    assert (question.status, question.points) == ("manual", None)
    assert "no_such_pandas" in question.message
    assert re.search(r"\(`[^`]*no_such_pandas", question.message), "the line that imports it"
    assert lost(result) == {"loss": None}, "what builds on it is judged with a right one in its place"


MISSED = {
    "a program": "import subprocess\n    subprocess.check_output(['date'])",
    "a file to read": "open('numbers.txt').read()",
    "a folder to write into": "import torch\n    torch.save(v, 'no/such/folder/v.pt')",
    "the network": "import socket\n    socket.create_connection(('192.0.2.1', 80), 1)",
    "what a newer library has": "import math\n    math.no_such_function(1)",
    "what a newer class has": "import pathlib\n    pathlib.Path('a').no_such_method()",
    "a name that a newer library has": "from itertools import no_such_name",
    "a variable of the machine": "import os\n    os.environ['NO_SUCH_VARIABLE']",
    "an error of a library's own": "import queue\n    queue.Queue().get_nowait()",
}
"""What stops an answer, and may not have stopped it where it was written."""


@pytest.mark.parametrize("name", MISSED)
def test_what_the_machine_does_not_give_asks_a_person(grade: Grade, right: Answers, name: str) -> None:
    """The answer waits, its line is named, and what builds on it is judged with a right one in its place."""
    result = grade(after("loss", MISSED[name])(dict(right)))
    question = result.question("loss")

    assert (question.status, question.points) == ("manual", None)
    assert "in loss" in question.message
    assert "A person will look at it" in question.message
    assert lost(result) == {"loss": None}


@pytest.mark.parametrize("name", ["a file", "a folder of modules that look for each other"])
def test_what_stops_a_statement_that_an_answer_rests_on_asks_a_person(
    course: Course, mlp: Assignment, jail: Jail, right: Answers, tmp_path: Path, name: str
) -> None:
    """It is named; nothing is taken and nothing given."""
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/__init__.py").write_text("from bends import two")
    (tmp_path / "parts/bends.py").write_text("two = 2")
    line = "two = int(open('two.txt').read())" if name == "a file" else "from parts import two"
    cells = [f"import torch\n{line}", *(right | {"dloss": "def dloss(v, t):\n    return two * (v - t)"}).values()]
    (tmp_path / "mlp.ipynb").write_text(json.dumps(notebook_of(*cells)))
    result = Grader(mlp, course.seed("mlp"), Jailer(jail)).grade_file(tmp_path / "mlp.ipynb").result

    assert line in result.question("dloss").message
    assert lost(result) == {"dloss": None}


@pytest.mark.parametrize(
    "line",
    [
        "class Odd(Exception): pass\n    raise Odd",
        "v.no_such_method()",
        "{}['no such key']",
        "torch.zeros(2, 2).inverse()",
    ],
)
def test_what_stops_an_answer_everywhere_is_its_own_fault(grade: Grade, right: Answers, line: str) -> None:
    """An exception that the same code raises in its author's Jupyter costs its points."""
    question = grade(after("loss", line)(dict(right))).question("loss")

    assert (question.status, question.points) == ("graded", 0)


def test_a_function_that_is_not_written_has_nobody_else_s_cells_run(course: Course, mlp: Assignment) -> None:
    """Of the lesson's own cells, its training among them, none can bring an answer."""
    submission = Submission(Notebook(released("mlp")), mlp, trusting)

    assert not any(submission.complete(question) for question in mlp.questions if not question.manual)


def test_a_wrong_answer_beside_a_module_that_is_not_here_is_wrong(grade: Grade, right: Answers) -> None:
    """A person is asked for want of the module alone."""
    wrong = (
        "import no_such_pandas as pd\ndef loss(v, t):\n    if v is None:\n        pd.show()\n    return (v - t).sum()"
    )
    question = grade(["import torch", *(right | {"loss": wrong}).values()]).question("loss")

    assert (question.status, question.points) == ("graded", 0)


@pytest.mark.parametrize(
    ("line", "words"), [("import sys; sys.exit()", "exits the program"), ("input()", "nobody is there")]
)
def test_leaving_and_asking_are_told_in_words(grade: Grade, right: Answers, line: str, words: str) -> None:
    """An answer that leaves, or waiting for a person, is no answer; the sentence says what it does."""
    question = grade(after("loss", line)(dict(right))).question("loss")

    assert question.points == 0
    assert words in question.tests[0].message


def test_a_slow_answer_is_told_how_long_a_call_may_take(grade: Grade, jail: Jail, right: Answers) -> None:
    """The sentence has the time; whether a loop never ends is asked, not said."""
    patient, jail.limits = jail.limits, replace(jail.limits, call_s=1.0)
    try:
        question = grade(after("loss", "while True: pass")(dict(right))).question("loss")
    finally:
        jail.limits = patient

    assert question.status == "timeout"
    assert question.message.startswith("loss took longer than 1 second and was stopped")


def test_files_beside_a_notebook_are_read_where_they_were_handed_in(
    course: Course, mlp: Assignment, jail: Jail, right: Answers, tmp_path: Path
) -> None:
    """Modules that a notebook imports, and those that they import, in folders too; the record names them."""
    right = dict(right)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "bends.py").write_text(f"import torch\nfrom curves import sigma\n{right.pop('dsigma')}")
    (tmp_path / "curves.py").write_text(f"import torch\n{right.pop('sigma')}")
    (tmp_path / "unused.py").write_text("1 / 0")
    cells = ["import torch\nfrom curves import sigma\nfrom parts.bends import dsigma", *right.values()]
    (tmp_path / "mlp.ipynb").write_text(json.dumps(notebook_of(*cells)))
    result = Grader(mlp, course.seed("mlp"), Jailer(jail)).grade_file(tmp_path / "mlp.ipynb").result

    assert lost(result) == {}
    assert [sentence.split()[0] for sentence in result.mended] == ["curves.py", "parts/bends.py"]


def test_a_derivative_beside_a_notebook_is_read_as_one_in_it(
    course: Course, mlp: Assignment, jail: Jail, right: Answers, tmp_path: Path
) -> None:
    """Differences of function values are seen in a file that was handed in, too."""
    (tmp_path / "bends.py").write_text(
        "import torch\ndef f(x): return x.tanh()\ndef dsigma(x):\n    return (f(x + 1e-3) - f(x - 1e-3)) / 2e-3\n"
    )
    cells = ["import torch\nfrom bends import dsigma", *(text for name, text in right.items() if name != "dsigma")]
    (tmp_path / "mlp.ipynb").write_text(json.dumps(notebook_of(*cells)))
    result = Grader(mlp, course.seed("mlp"), Jailer(jail)).grade_file(tmp_path / "mlp.ipynb").result

    assert any("dsigma" in flag for flag in result.flags)


def test_nothing_but_small_plain_files_is_read_beside_a_notebook(tmp_path: Path) -> None:
    """No link, no pipe, nothing outside the folder, nothing large, and only so many."""
    (tmp_path / "secret.py").write_text("x = 1")
    folder = tmp_path / "student"
    folder.mkdir()
    (folder / "link.py").symlink_to(tmp_path / "secret.py")
    (folder / "inner").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.py")
    (folder / "large.py").write_text("#" * (modules.LARGEST_FILE + 1))
    (folder / "right.py").write_text("x = 1")
    for number in range(modules.MOST_FILES + 5):
        (folder / f"many_{number}.py").write_text("")
    names = ["link", "inner.secret", "pipe", "large", "data_utils", "torch"]
    (folder / "a.ipynb").write_text(json.dumps(notebook_of("import right", *(f"import {name}" for name in names))))
    many = [f"import many_{number}" for number in range(modules.MOST_FILES + 5)]
    (folder / "b.ipynb").write_text(json.dumps(notebook_of(*many)))

    assert {*read(folder / "a.ipynb").files} == {"right.py"}
    assert len(read(folder / "b.ipynb").files) == modules.MOST_FILES


def test_a_file_beside_a_notebook_is_a_part_of_it(tmp_path: Path) -> None:
    """Where one changes, what was handed in has changed; the lesson's own data and links are no part of it."""
    folder = tmp_path / "submitted/ada/mlp"
    folder.mkdir(parents=True)
    (folder / "mlp.ipynb").write_text(json.dumps(notebook_of("import curves, data_utils.own\nfrom parts import own")))
    for part in ("parts", "data_utils"):
        (folder / part).mkdir()
        (folder / part / "own.py").write_text("x = 1")

    def digest() -> str:
        return hand(Course(tmp_path), "mlp", "ada", folder / "mlp.ipynb").digest

    seen = [digest()]
    for path, text in (("parts/own.py", "x = 2"), ("curves.py", "x = 3"), ("data_utils/own.py", "x = 2")):
        (folder / path).write_text(text)
        seen.append(digest())

    assert len(set(seen)) == 3
    assert seen[-1] == seen[-2]


BARS_COUNT = """
from tqdm.auto import tqdm, trange
from tqdm.contrib.concurrent import thread_map
from fastprogress import master_bar, progress_bar
from alive_progress import alive_bar
from rich.progress import Progress
def asked():
    counts = []
    with tqdm(total=9) as bar:
        bar.update(4); bar.set_postfix(loss=1.0); tqdm.write('told')
        counts.append(bar.n)
    steps = trange(3)
    counts.append(sum(steps) + steps.n + len(steps))
    master = master_bar(range(2))
    for _ in master:
        for _ in progress_bar(range(3), parent=master):
            master.child.comment = 'loss'
        master.write('told')
    counts.append(master.n)
    with alive_bar(5) as bar:
        bar(); bar(2); bar.text('told')
        counts.append(bar.current)
    with Progress() as progress:
        task = progress.add_task('steps', total=4)
        while not progress.finished:
            progress.update(task, advance=2)
        counts.append(progress.tasks[task].completed)
    counts.append(sum(thread_map(abs, [-1, -2])))
    return {'counts': counts}
"""

GPU_MEANT = """
import torch
torch.set_default_device('cuda')
generator = torch.Generator(device='cuda').manual_seed(1)
net = torch.nn.Linear(2, 1, device='cuda').cuda().to('cuda:0')
def asked():
    made = [
        torch.ones(1, device='cuda'), torch.ones(1).to(0), torch.ones(1).cuda(0), torch.ones(1).to(device='cuda'),
        torch.cuda.FloatTensor([1.0]), torch.ones(1).type(torch.cuda.FloatTensor), torch.ones(1).pin_memory(),
        torch.zeros_like(torch.ones(1), device='cuda') + 1, torch.randn(1, generator=generator, device='cuda') * 0 + 1,
    ]
    with torch.device('cuda'), torch.cuda.device(0), torch.cuda.stream(torch.cuda.Stream()):
        made.append(torch.ones(1))
    clock = torch.cuda.Event(enable_timing=True)
    clock.record(); torch.cuda.synchronize(); clock.elapsed_time(clock)
    torch.cuda.amp.GradScaler().scale(made[0])
    return {'ones': torch.stack(made), 'there': torch.cuda.is_available(), 'out': net(torch.ones(2)).shape[0]}
"""

WORK = """
import multiprocessing, threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import Manager, Process, Queue
from multiprocessing.pool import ThreadPool
def asked():
    queue, threads = Queue(), []
    worker = Process(target=queue.put, args=(1,))
    worker.start(); worker.join()
    got = [queue.get(), worker.exitcode]
    with multiprocessing.get_context('spawn').Pool(2) as pool:
        got += [sum(pool.imap(abs, [-1, -2])), pool.apply_async(max, (1, 2)).get(), sum(pool.starmap(pow, [(2, 3)]))]
    got.append(sum(ThreadPool(4).map(abs, [-3])))
    with ProcessPoolExecutor(2) as executor:
        got += [executor.submit(abs, -5).result()]
    shared = Manager().dict(a=1)
    for _ in range(60):
        threads.append(threading.Thread(target=lambda: got.append(0)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    return {'got': sum(got) + shared['a']}
"""


def answer(inmate: Inmate, source: str) -> object:
    """What a notebook's `asked` gives."""
    assert inmate.execute(Step(0, 1, source)) == []
    return inmate.call("def ask(nb):\n    return nb.asked()", "ask", {})


def test_bars_count_as_bars_do(jail: Jail) -> None:
    """What is read from a bar is what its own package would have counted."""
    with jail.fork() as inmate:
        assert answer(inmate, BARS_COUNT) == {"counts": (4.0, 9.0, 2.0, 3.0, 4.0, 3.0)}


def test_whatever_means_a_gpu_means_the_processor(jail: Jail) -> None:
    """Factories, moves, types, modules, generators, streams and clocks; whether there is a GPU is told truly."""
    with jail.fork() as inmate:
        got = answer(inmate, GPU_MEANT)

    assert isinstance(got, dict)
    assert torch.equal(got["ones"], torch.ones(10, 1))
    assert (got["there"], got["out"]) == (0.0, 1.0)


def test_only_a_device_that_is_not_here_is_stood_in_for() -> None:
    """A word that means no device stays what it is: torch says so, as anywhere."""
    assert here("cuda:1") == here("mps") == here(0) == torch.device("cpu")
    assert [here(thing) for thing in ("gpu", "meta", torch.float64, None, True)] == [
        "gpu",
        torch.device("meta"),
        torch.float64,
        None,
        True,
    ]


def test_work_for_others_is_done_here(jail: Jail) -> None:
    """Processes, queues, pools of any kind and threads; what they give is what it is elsewhere."""
    with jail.fork() as inmate:
        assert answer(inmate, WORK) == {"got": 1 + 3 + 2 + 8 + 3 + 5 + 1}


def test_torch_compiles_what_is_its_own(jail: Jail) -> None:
    """Forward mode needs functions that torch compiles for itself: only a notebook's own are run as written."""
    source = """
import torch.autograd.forward_ad as forward
def asked():
    with forward.dual_level():
        slope = forward.unpack_dual(forward.make_dual(torch.zeros(1), torch.ones(1)).tanh()).tangent
    return {'slope': slope}
"""
    with jail.fork() as inmate:
        assert answer(inmate, "import torch" + source) == {"slope": torch.ones(1)}
