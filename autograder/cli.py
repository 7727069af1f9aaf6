"""The commands. Results go to stdout, progress to stderr.

Exit codes: 0 done (a weak submission is not an error); 1 some submission could not be graded, or a check of the kit
failed; 2 bad usage.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from autograder.errors import CannotGrade, KitError
from autograder.visible import visible

if TYPE_CHECKING:
    from rich.console import Console

    from autograder.run import Batch, Graded

Item = TypeVar("Item")

FEW = 8
"""Students who are named in a line; of more, their number is told."""

_BEFORE_COLLECTING = 50_000
"""Objects made before Python looks for garbage: with its own 700, imports are looked through again and again."""

app = typer.Typer(
    name="autograder",
    help="Grade backpropagation that students write by hand.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

CourseOption = Annotated[
    Path | None,
    typer.Option(
        "--course", metavar="DIR", help=r"The course's folder \[default: the one above with nbgrader_config.py]."
    ),
]
TrustOption = Annotated[
    bool,
    typer.Option("--trust-students", help="Where there can be no jail, run student code in the grader's own process."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the record as JSON, and nothing else.")]


@app.command()
def demo(
    into: Annotated[Path, typer.Option("--into", metavar="DIR", help="Where the scratch course is made.")] = Path(
        "demo"
    ),
    course: CourseOption = None,
) -> None:
    """Release, submit, grade and report a class of made-up students, in a scratch course."""
    from autograder import report
    from autograder.authoring import demo as made_up
    from autograder.course import find
    from autograder.run import Batch, holds, totals

    here = find(course)
    scratch = made_up.scratch(here, into, here.assignments, _watched)
    jailed = holds()
    if not jailed:
        _say("This machine can't hold a jail, so nobody in this class is hostile. `autograder doctor` says why.")
    for name in scratch.assignments:
        students = made_up.hand_in(scratch, name, hostile=jailed)
        _say(f"{name}: {len(students)} made-up students handed in")
        graded = [one.result for one in _graded(Batch(scratch, name, workers=_cores(), trust=True))]
        made_up.mark(scratch, name)
        results = totals(scratch, name, graded)
        page = report.write(results, scratch.root / "report" / name, watch=_watched)
        print(f"{name}, handed in by {len(students)} made-up students\n")
        _print(report.class_table(results))
        print(f"\nThe class report, to open in a browser: {_near(page)}\n")


@app.command()
def release(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help=r"Assignments \[default: all].")] = None,
    as_zip: Annotated[bool, typer.Option("--zip", help="Also make release/<name>.zip for an LMS.")] = False,
    course: CourseOption = None,
) -> None:
    """Make what students get, after vetting the assignment."""
    from autograder.authoring import release as released
    from autograder.authoring import vetting
    from autograder.course import find

    here = find(course)
    for name in names or here.assignments:
        here.assignment(name)
    for name in names or here.assignments:
        report = vetting.vet(here, name, with_release=False, watch=_watched)
        if not report.holds:
            _print(vetting.table(report))
            raise CannotGrade(
                f"{name} is not released: it doesn't vet. Mend what the lines above name, then try again."
            )
        folder = released.generate(here, name)
        print(f"released {name}: {folder}")
        if as_zip:
            print(f"zipped {name}: {released.archive(folder)}")


@app.command()
def grade(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The assignment to grade.")],
    student: Annotated[str | None, typer.Option("--student", metavar="S", help="Only this student.")] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", min=1, help=r"Grade N at once \[default: one a core].")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Grade again what has not changed, too.")] = False,
    preview: Annotated[
        bool,
        typer.Option(
            "--preview",
            help="Grade again, say who would change, and write nothing. Exits with 1 if something can't be graded, "
            "whatever would change.",
        ),
    ] = False,
    as_json: JsonOption = False,
    trust: TrustOption = False,
    course: CourseOption = None,
) -> None:
    """Grade submitted/*/NAME/ into nbgrader's gradebook."""
    from autograder import report
    from autograder.course import find
    from autograder.report import called
    from autograder.run import Batch, previewed, totals

    here = find(course)
    batch = Batch(here, name, student, force or preview, workers or _cores(), trust, preview)
    graded = sorted(_graded(batch), key=lambda one: one.student)
    if preview:
        pairs = previewed(here, name, ((one.before, one.result) for one in graded))
        results = [after for _, after in pairs]
    else:
        results = totals(here, name, (one.result for one in graded))
    if as_json:
        records = [
            one.result.model_copy(update={"total": total.score, "max_total": total.max_score})
            for one, total in zip(graded, results, strict=True)
        ]
        print(json.dumps([record.model_dump(mode="json") for record in records], indent=1))
    elif preview:
        _print(report.changes(pairs))
    else:
        _print(report.class_table(results))
        unchanged = sum(not one.again for one in graded)
        if unchanged:
            print(f"{unchanged} of {len(graded)} had not changed since they were graded; --force grades them again.")
    for sentence in dict.fromkeys((*(note for one in graded for note in one.notes), *batch.misnamed)):
        _say(sentence)
    stuck = [called(result.submission) for result in results if result.status != "graded"]
    if stuck:
        _say(
            f"{len(stuck)} of {len(results)} can't be graded without a person, so this exits with 1: "
            f"{', '.join(stuck[:FEW])}{f' and {len(stuck) - FEW} more' if len(stuck) > FEW else ''}."
        )
    raise typer.Exit(bool(batch.misnamed or stuck))


@app.command()
def check(
    notebook: Annotated[Path, typer.Argument(help="A notebook of any origin.")],
    assignment: Annotated[str, typer.Option("--assignment", "-a", metavar="NAME", help="Which assignment it answers.")],
    as_json: JsonOption = False,
    trust: TrustOption = False,
    course: CourseOption = None,
) -> None:
    """Judge one notebook, wherever it came from. Writes to no gradebook."""
    from autograder.course import find
    from autograder.judge import Grader, draws
    from autograder.notebook import readable
    from autograder.run import held

    here = find(course)
    asked = here.assignment(assignment)
    readable(notebook)
    seed = draws.seed(here, assignment)
    with _console().status(f"judging {visible(str(notebook))}"), held(here.settings, trust) as opener:
        result = Grader(asked, seed, opener, here.settings).grade_file(notebook).result
    if as_json:
        print(json.dumps(result.model_dump(mode="json"), indent=1))
    else:
        from autograder.report import verdict

        _print(verdict(result))
    raise typer.Exit(result.status != "graded")


@app.command()
def vet(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help=r"Assignments \[default: all].")] = None,
    pictures: Annotated[
        Path | None, typer.Option("--pictures", metavar="DIR", help="Draw DIR/NAME.png, tests against mistakes.")
    ] = None,
    as_json: JsonOption = False,
    course: CourseOption = None,
) -> None:
    """Do the tests test? The reference must pass, every known mistake must not."""
    from autograder.authoring import vetting
    from autograder.course import find

    here = find(course)
    for name in names or here.assignments:
        here.assignment(name)
    reports = []
    for name in names or here.assignments:
        reports.append(vetting.vet(here, name, watch=_watched))
        if not as_json:
            _print(vetting.table(reports[-1]))
        if pictures is not None:
            _say(f"drawn: {vetting.picture(reports[-1], pictures / f'{name}.png')}")
    if as_json:
        print(json.dumps([report.record() for report in reports], indent=1))
    raise typer.Exit(not all(report.holds for report in reports))


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new assignment's name.")],
    course: CourseOption = None,
) -> None:
    """Make a new assignment: a small one that vets, to be rewritten piece by piece."""
    from autograder.authoring import starter as starting
    from autograder.course import find

    source, tests, released = starting.create(find(course), name)
    print(f"the lesson, to be edited in Jupyter: {_near(source / f'{name}.ipynb')}")
    print(f"its hidden tests and its bank:       {_near(tests)}")
    print(f"what students get:                   {_near(released)}")
    print(
        f"\nEdit the first two; `autograder vet {name}` says whether the tests test, `autograder release {name}` makes"
    )
    print("the third anew. CONTRIBUTING.md goes the whole way once.")


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """Say what this machine can hold: the layers of the jail, each really tried, and what each keeps out."""
    from dataclasses import asdict

    from autograder.jail import layers

    found = layers.report()
    if as_json:
        print(json.dumps(asdict(found) | {"holds": found.holds}, indent=1))
    else:
        _print(layers.table(found))
    raise typer.Exit(not found.holds)


@app.command()
def report(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The assignment to report on.")],
    student: Annotated[str | None, typer.Option("--student", metavar="S", help="Only this student's verdict.")] = None,
    course: CourseOption = None,
) -> None:
    """Write a page for the class with plots, and a page for each student."""
    from autograder import report as reporting
    from autograder.course import find
    from autograder.run import results as kept
    from autograder.run import totals

    here = find(course)
    here.assignment(name)
    results = totals(here, name, kept(here, name, student))
    if student:
        _print(reporting.verdict(results[0]))
        return
    print(reporting.write(results, here.root / "report" / name, watch=_watched))


def main() -> None:
    """Be the `autograder` command: run it in a process of its own."""
    gc.set_threshold(_BEFORE_COLLECTING)
    try:
        run()
    finally:
        gc.freeze()  # memory goes as a whole: to take a million objects apart first is half a second lost


def run() -> None:
    """Run a command; what stops it is told in a sentence, never in a traceback."""
    # nbgrader's schema checks would build a grammar of web addresses, one second at every start, and never use it.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # None: import as if not installed
    try:
        app()
    except KitError as error:
        _say(f"autograder: {error}")
        sys.exit(error.exit_code)
    except Exception as error:
        if os.environ.get("AUTOGRADER_TRACEBACK"):
            raise
        _say(
            f"autograder: this is a fault of the kit, not yours ({type(error).__name__}: {error}). "
            "Nothing was graded as zero because of it. Run again with AUTOGRADER_TRACEBACK=1 to see where."
        )
        sys.exit(1)
    except KeyboardInterrupt:
        _say("autograder: stopped; what was graded so far is kept.")
        sys.exit(130)


def _graded(batch: Batch) -> Iterator[Graded]:
    """Grade a batch, with a bar and the time left on stderr, after what should be known before."""
    for warning in batch.warnings():
        _say(f"autograder: {warning}")
    with batch:
        yield from _counted(batch, len(batch), "grading")


def _watched(items: Sequence[Item], what: str) -> Iterator[Item]:
    """Go through them with a bar and the time left on stderr."""
    return _counted(items, len(items), what)


def _counted(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    quiet = not sys.stderr.isatty()
    with Progress(*columns, console=_console(), disable=quiet, transient=True) as bar:
        task = bar.add_task(what, total=total)
        for item in items:
            yield item
            bar.advance(task)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _console() -> Console:
    return _visible_console(stderr=True)


def _near(path: Path) -> Path:
    """A path as seen from here, if it lies below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _say(text: str) -> None:
    print(visible(text), file=sys.stderr)


def _print(renderable: Any) -> None:
    _visible_console(width=None if sys.stdout.isatty() else 120).print(renderable)


def _visible_console(**options: Any) -> Console:
    """Make a console that shows other people's text, and does nothing that it says."""
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    class Visible(Console):
        def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
            for text, style, control in super().render(renderable, options):
                yield Segment(text if control else visible(text), style, control)

    return Visible(**options)
