"""The commands. Results go to stdout, progress to stderr.

Exit codes: 0 done (a weak submission is not an error); 1 some submission could not be graded, or a check of the kit
failed; 2 bad usage.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from autograder.errors import CannotGrade, KitError, UsageError, refused
from autograder.terminal import counted, say, show, spinner, watched
from autograder.terminal import vetting as vetting_shown
from autograder.visible import visible

if TYPE_CHECKING:
    from autograder.course import Course
    from autograder.run import Batch, Graded

FEW = 8
"""Students who are named in a line; of more, their number is told."""

_BEFORE_COLLECTING = 50_000
"""Objects made before Python looks for garbage: with its own 700, imports are looked through again and again."""

_ASKING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Signals that ask a command to end; Windows has no SIGHUP."""

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
    typer.Option(
        "--trust-students", help="Where student code can't be isolated in a jail, run it in the grader's own process."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the record as JSON, and nothing else.")]


def _loading() -> None:
    """Have what jails need loaded by a process beside this one, while this one loads what it needs itself."""
    from autograder.jail import loading

    loading()


@app.command()
def demo(
    into: Annotated[Path, typer.Option("--into", metavar="DIR", help="Where the scratch course is made.")] = Path(
        "demo"
    ),
    course: CourseOption = None,
) -> None:
    """Release, submit, grade and report a class of made-up students, in a scratch course.

    It has this course's assignments; where there is no course, the kit's.
    """
    _loading()
    from autograder import report
    from autograder.authoring import demo as made_up
    from autograder.course import find, near
    from autograder.judge import holds
    from autograder.run import Batch, about, records, totals

    here = find(course) if course or near() else None
    scratch = made_up.scratch(here, into)
    jailed = holds()
    if not jailed:
        say(
            "This machine can't isolate student code in a jail, so this class has no hostile students. "
            "`autograder doctor` says why."
        )
    for name, many in made_up.handed_in(scratch, hostile=jailed):
        say(f"{name}: {many} made-up students handed in")
        graded = [one.result for one in _graded(Batch(scratch, name, workers=_cores(), trust=True))]
        made_up.mark(scratch, name)
        results = totals(scratch, name, graded)
        told = about(scratch, name, records(scratch, name))
        page = report.write(results, scratch.root / "report" / name, watch=watched, about=told)
        print(f"{name}, handed in by {many} made-up students\n")
        show(report.class_table(results))
        print(f"\nThe class report, to open in a browser: {_near(page)}\n")


@app.command()
def release(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help=r"Assignments \[default: all].")] = None,
    as_zip: Annotated[bool, typer.Option("--zip", help="Also make a zip of the folder, for an LMS.")] = False,
    solutions: Annotated[
        int,
        typer.Option(
            "--solutions",
            count=True,
            show_default=False,
            metavar="",
            help="Make the solved lessons instead, in solutions/, for after the deadline; before it, give this option "
            "twice.",
        ),
    ] = 0,
    course: CourseOption = None,
) -> None:
    """Make what students get, once the lesson vets; a lesson that has vetted takes seconds until something changes."""
    from autograder.authoring import release as released
    from autograder.authoring import vetting
    from autograder.course import find

    here = find(course)
    named = _named(here, names)
    if solutions:
        _solve(here, named, as_zip, told_twice=solutions > 1)
        return
    for name in named:
        with vetting_shown(name) as tell:
            report = vetting.vet(here, name, with_release=False, again=False, tell=tell)
        if not report.holds:
            show(vetting.table(report))
            raise CannotGrade(
                f"{name} was not released: it doesn't vet. Fix what the lines above name, then try again."
            )
        folder = released.generate(here, name)
        print(f"released {name}: {_near(folder)}")
        print("  made from {}, judged with {}".format(*here.assignment(name).places))
        if as_zip:
            print(f"zipped {name}: {released.archive(folder)}")
    if address := here.settings.data_utils_url:
        print(f"upload to {address}: {released.fetched(here)}")


@app.command()
def grade(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The assignment to grade.")],
    student: Annotated[str | None, typer.Option("--student", metavar="S", help="Only this student.")] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", min=1, help=r"Grade N at once \[default: one per core].")
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option("--cluster", metavar="ADDRESS", help="Grade on a Dask cluster: its scheduler's address."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Also grade again what has not changed.")] = False,
    preview: Annotated[
        bool,
        typer.Option(
            "--preview",
            help="Grade again, say who would change, and write nothing. Exits with 1 if something can't be graded, "
            "whether or not anything would change.",
        ),
    ] = False,
    as_json: JsonOption = False,
    trust: TrustOption = False,
    course: CourseOption = None,
) -> None:
    """Grade submitted/*/NAME/ into nbgrader's gradebook."""
    if cluster is None:
        _loading()
    from autograder import report
    from autograder.course import find
    from autograder.report import called
    from autograder.run import Batch, left_out, previewed, totals

    here = find(course)
    if cluster is not None and workers:
        raise UsageError("A cluster has workers of its own. Give --workers or --cluster, not both.")
    batch = Batch(here, name, student, force or preview, workers or _cores(), trust, preview, cluster)
    graded = sorted(_graded(batch), key=lambda one: one.student)
    if preview:
        pairs = previewed(here, name, ((one.before, one.result) for one in graded), batch.rehearsed)
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
        show(report.changes(pairs))
    else:
        show(report.class_table(results))
        unchanged = sum(not one.again for one in graded)
        if unchanged:
            print(f"{unchanged} of {len(graded)} had not changed since they were graded; --force grades them again.")
    for sentence in dict.fromkeys((*(note for one in graded for note in one.notes), *batch.misnamed, *batch.told)):
        say(sentence)
    if gone := left_out(batch.withdrawn, name):
        say(gone)
    stuck = [called(result.submission) for result in results if result.status != "graded"]
    if stuck:
        say(
            f"{len(stuck)} of {len(results)} can't be graded without a person, so this exits with 1: "
            f"{', '.join(stuck[:FEW])}{f' and {len(stuck) - FEW} more' if len(stuck) > FEW else ''}."
        )
    raise typer.Exit(bool(batch.misnamed or stuck))


@app.command()
def check(
    notebook: Annotated[Path, typer.Argument(help="A notebook from anywhere.")],
    assignment: Annotated[str, typer.Option("--assignment", "-a", metavar="NAME", help="Which assignment it answers.")],
    as_json: JsonOption = False,
    trust: TrustOption = False,
    course: CourseOption = None,
) -> None:
    """Judge one notebook, wherever it came from. Writes nothing to the gradebook."""
    _loading()
    from autograder.course import find
    from autograder.judge import Grader, draws, held
    from autograder.notebook import readable

    here = find(course)
    asked = here.assignment(assignment)
    readable(notebook)
    seed = draws.seed(here, assignment)
    with spinner(f"judging {notebook}"), held(here.settings, trust) as opener:
        result = Grader(asked, seed, opener, here.settings).grade_file(notebook).result
    if as_json:
        print(json.dumps(result.model_dump(mode="json"), indent=1))
    else:
        from autograder.report import verdict

        show(verdict(result))
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
    """Do the tests test? The reference must pass, and every known mistake must fail."""
    from autograder.authoring import vetting
    from autograder.course import find

    here = find(course)
    reports = []
    for name in _named(here, names):
        with vetting_shown(name) as tell:
            reports.append(vetting.vet(here, name, tell=tell))
        if not as_json:
            show(vetting.table(reports[-1]))
        if pictures is not None:
            say(f"drawn: {vetting.picture(reports[-1], pictures / f'{name}.png')}")
    if as_json:
        print(json.dumps([report.record() for report in reports], indent=1))
    raise typer.Exit(not all(report.holds for report in reports))


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The new course's folder.")],
    lesson: Annotated[
        list[str] | None,
        typer.Option("--lesson", metavar="NAME", help="One of the kit's lessons; may be given more than once."),
    ] = None,
) -> None:
    """Make a new course: a folder with its settings, its commands in order, and lessons from the kit."""
    from autograder.authoring import founding

    made = founding.found(folder, lesson or ())
    print(f"a new course: {_near(made.root)}")
    print("  README.md             what to do in it, in order")
    print("  nbgrader_config.py    all settings, and what each does")
    for name in made.assignments:
        print(f"  {f'source/{name}':<22}from the kit, whose hidden tests judge it")
    first = made.assignments[0] if made.assignments else ""
    print(f"\nNext: cd {_near(made.root)}")
    print(
        f"then `autograder release {first}` makes what students get; `autograder new NAME` a lesson of your own."
        if first
        else "then `autograder new NAME` makes a lesson of your own, `autograder copy NAME` takes one of the kit's."
    )


@app.command()
def copy(
    name: Annotated[str, typer.Argument(metavar="NAME", help="One of the kit's lessons.")],
    course: CourseOption = None,
) -> None:
    """Take one of the kit's lessons into this course, to change it: its source and its hidden tests."""
    from autograder.authoring import founding
    from autograder.course import find

    for folder in founding.copy(find(course), name):
        print(f"copied: {_near(folder)}")
    print(f"\nChange what you like; `autograder vet {name}` says whether it still holds together.")


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
    print("\nIt vets as it is: two small questions and a written one. Next, piece by piece:")
    print(f"  autograder vet {name:<20} do the tests test? says what to fix, and where")
    print(f"  {f'edit source/{name}/{name}.ipynb':<35} text, solutions, visible checks, points")
    print(f"  {f'edit {_near(tests)}':<35} cases.py, flows.py, test_<question>.py, bank.toml")
    print(f"  autograder release {name:<16} makes {_near(released)} anew")


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """Show how well this machine can isolate student code: each layer of the jail, tried, and what it keeps out.

    Other packages that bring a folder `autograder` or `data_utils` are named, too.
    """
    from dataclasses import asdict

    from autograder.course import rivals
    from autograder.jail import layers

    found, others = layers.report(), rivals()
    if as_json:
        print(json.dumps(asdict(found) | {"holds": found.holds, "rivals": others}, indent=1))
    else:
        show(layers.table(found))
        print("\n".join(others), end="\n" if others else "")
    raise typer.Exit(not found.holds or bool(others))


@app.command()
def bundle(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The assignment.")],
    platform: Annotated[str, typer.Option("--for", metavar="PLATFORM", help="Where it is to run: gradescope.")],
    index: Annotated[
        str,
        typer.Option(
            "--index", metavar="URL", help="An extra index for pip to use there, such as one with small torch builds."
        ),
    ] = "",
    course: CourseOption = None,
) -> None:
    """Make an autograder that runs on a platform: one zip, with the course's secret and its hidden tests in it."""
    from autograder.course import find
    from autograder.platforms import bundle as bundles

    here = find(course)
    made = bundles.bundle(here, name, platform, index)
    asked = here.assignment(name)
    print(f"bundled {name} for {platform}: {_near(made)}")
    print(f"  judged by code: {asked.max_score:g} points; README.md in it lists what to set on {platform}")
    print("  it holds the hidden tests and the course's secret: upload it there, and give it to nobody else")


@app.command()
def report(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help=r"The assignment to report on \[default: the whole course].")
    ] = None,
    student: Annotated[str | None, typer.Option("--student", metavar="S", help="Only this student's verdict.")] = None,
    course: CourseOption = None,
) -> None:
    """Write a page for the class and one for each student; without NAME, for all assignments, and one for the course.

    The course's page shows each student's progress through the assignments, and the mistakes that come back.
    """
    from autograder import report as reporting
    from autograder.course import find
    from autograder.run import about, graded, left_out, records, totals, unread

    here = find(course)
    if name is None:
        if student is not None:
            raise UsageError("A verdict is about one assignment. Name it: autograder report NAME --student S")
        names = graded(here)
        if not names:
            raise CannotGrade(
                "No submission of any assignment has been graded yet. Grade an assignment first: autograder grade NAME"
            )
    else:
        here.assignment(name)
        names = (name,)
    lessons, found = [], {}
    for each in names:
        kept = records(here, each, student)
        if damaged := unread(kept, each):
            say(damaged)
        results = totals(here, each, (one.result for one in kept))
        if student:
            show(reporting.verdict(results[0]))
            return
        told = about(here, each, kept)
        if gone := left_out(told.withdrawn, each):
            say(gone)
        found[each] = results, told
        lessons.append(reporting.lesson(each, results, told))
    lessons.sort(key=lambda one: one.order)
    for each, (results, told) in found.items():
        page = reporting.write(results, here.root / "report" / each, watch=watched, about=told, lessons=lessons)
    if name is None:
        page = reporting.write_course(here.root.name, lessons, here.root / "report")
    print(page)


@app.command()
def export(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The assignment whose points go out.")],
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help="csv, canvas or moodle.")],
    into: Annotated[
        Path | None,
        typer.Option("--into", metavar="FILE", help="What Canvas or Moodle has exported, to be filled in; it stays."),
    ] = None,
    column: Annotated[
        str, typer.Option("--column", metavar="TITLE", help=r"The assignment's column there \[default: by its name].")
    ] = "",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help=r"Where the table is written \[default: stdout].")
    ] = None,
    feedback: Annotated[
        Path | None,
        typer.Option(
            "--feedback", metavar="ZIP", help="Also zip nbgrader's feedback pages, as the LMS takes them back."
        ),
    ] = None,
    course: CourseOption = None,
) -> None:
    """Write everybody's points as a table, or into that of an LMS; who waits for a person has none yet."""
    from autograder.course import find
    from autograder.platforms import exporting
    from autograder.platforms.grades import grades

    here = find(course)
    if out is not None and into is not None and out.resolve() == into.resolve():
        raise UsageError(f"{into} stays as it is. Name another file with --out.")
    found = grades(here, name)
    written = exporting.export(found, to, into, column)
    notes = [*written.notes, *(exporting.pages(here, found, to, into, feedback) if feedback is not None else ())]
    if out is not None:
        exporting.write(here, out, written.text)
        print(out)
    elif sys.stdout.isatty():  # a gradebook may know students whose names would steer it; a file keeps what is there
        print(visible(written.text.replace("\r\n", "\n")), end="")
    elif hasattr(sys.stdout, "buffer"):
        sys.stdout.buffer.write(written.text.encode())  # a table's own ends of lines
    else:
        print(written.text, end="")
    if feedback is not None:
        say(f"feedback pages: {feedback}")
    for sentence in notes:
        say(sentence)


def main() -> None:
    """Be the `autograder` command: run it in a process of its own."""
    gc.set_threshold(_BEFORE_COLLECTING)
    for each in _ASKING:
        if each == signal.SIGINT or signal.getsignal(each) != signal.SIG_IGN:  # nohup lets a terminal be closed
            signal.signal(each, _stop)
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
        say(f"autograder: {error}")
        sys.exit(error.exit_code)
    except Exception as error:
        if stopped := _stopped(error):
            _end(stopped)
        if os.environ.get("AUTOGRADER_TRACEBACK"):
            raise
        from autograder.judge import own_fault

        known = own_fault(error) or (refused(error) if isinstance(error, OSError) else None)
        if known:
            say(f"autograder: {known}")
            sys.exit(known.exit_code)
        say(
            f"autograder: this is a fault of the kit, not yours ({type(error).__name__}: {error}). "
            "Nothing was graded as zero because of it. Run again with AUTOGRADER_TRACEBACK=1 to see where."
        )
        sys.exit(1)
    except Stopped as stopped:
        _end(stopped)


def _stopped(error: BaseException | None) -> Stopped | None:
    """The signal that an exception came after, if there is one: a bar can't be drawn on a terminal that was closed."""
    while error is not None and not isinstance(error, Stopped):
        error = error.__context__
    return error


def _end(stopped: Stopped) -> NoReturn:
    say("autograder: stopped; what was graded so far is kept.")
    sys.exit(128 + stopped.signal)


class Stopped(BaseException):  # click has a word of its own for KeyboardInterrupt
    """A signal came that asks the command to end: Ctrl-C, `kill`, a closed terminal."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.signal = number


def _stop(number: int, _frame: object) -> None:
    """End by an exception, so that all is put away; a second signal ends the process where it stands."""
    for each in _ASKING:
        signal.signal(each, signal.SIG_DFL)
    raise Stopped(number)


def _graded(batch: Batch) -> Iterator[Graded]:
    """Grade a batch, with a bar and the time left on stderr, after what should be known before."""
    for warning in batch.warnings():
        say(f"autograder: {warning}")
    with batch:
        yield from counted(batch, len(batch), "grading", batch.awaited, lambda one: one.again)


def _named(here: Course, names: list[str] | None) -> tuple[str, ...]:
    """The assignments that a command is about: those named, or all of the course."""
    for name in names or ():
        here.assignment(name)
    if not names and not here.assignments:
        raise UsageError(
            f"{here.root} has no lesson yet. `autograder new NAME` makes one, `autograder copy NAME` takes one of the "
            "kit's."
        )
    return tuple(names or here.assignments)


def _solve(course: Course, names: Sequence[str], as_zip: bool, told_twice: bool) -> None:
    """Make the solved lessons, unless somebody's time isn't over and nobody has said so twice."""
    from autograder.authoring import release as released
    from autograder.authoring import solved
    from autograder.run import due

    if not told_twice and (early := solved.early(course, names)):
        raise UsageError(
            f"{early} To do it anyway, give the option twice: autograder release --solutions --solutions ..."
        )
    for name in names:
        if due(course, name) is None:
            say(f"nbgrader has no due date for {name}, so it was not checked whether the deadline has passed.")
        folder = solved.generate(course, name)
        print(f"solved {name}: {folder}")
        if as_zip:
            print(f"zipped {name}: {released.archive(folder)}")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _near(path: Path) -> Path:
    """A path as seen from here, if it lies below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
