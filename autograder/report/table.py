"""Results on a terminal: a table of a class, and one submission in full. Without colours where there are none."""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from autograder.report.tally import ClassTally, tally
from autograder.report.words import called, headline, kind, listed, remark, standing
from autograder.result import ARROW, FOLLOWED, SIGNS, Question, Result, Told, number, points
from autograder.visible import one_line

_STYLES = {
    "full": "green",
    "part": "yellow",
    "nothing": "red",
    "no_answer": "dim",
    "ungraded": "magenta",
    "manual": "dim",
}
_SIGNS = {
    "no_answer": ("\N{EN DASH}", "no answer"),
    "ungraded": ("?", "waits for a person"),
}
_PLAINER = str.maketrans({"\N{EN DASH}": "-", "·": "|", "…": ".", "✓": "+", "✗": "x", "→": ">"})
_OUTCOMES = {"passes": "green", "fails": "red", "not tried": "dim"}
_GAP = 2
"""Blanks between two columns."""
_REMARK_WIDTH = 34
"""With less room than this for the remark, the questions' names give way to numbers."""


def class_table(results: Sequence[Result]) -> RenderableType:
    """Make the table of a class: a row a student, a column a question, and the first mistake of each.

    It fits into 80 columns, and says more in 120.
    """
    found = tally(results)
    return _Printable(_ClassTable(found) if found.results else Text("No submissions yet."))


@dataclass(frozen=True)
class _Printable:
    """Replaces what the terminal's encoding lacks."""

    what: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self.what, options):
            text = segment.text
            if options.ascii_only:
                text = text.translate(_PLAINER).encode(console.encoding, "replace").decode(console.encoding)
            yield segment._replace(text=text)


@dataclass(frozen=True)
class _ClassTable:
    """Chooses its columns when it knows how much room there is."""

    found: ClassTally

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        names = [one_line(question.id) for question in self.found.questions if not question.manual]
        wide = [max(map(len, _halves(name))) for name in names]
        student = min(max(len(called(result.submission)) for result in self.found.results), 18)
        student = max(student, len("student"))
        taken = student + sum(wide) + len("5.62/8") + _GAP * (len(wide) + 2)
        by_name = options.max_width - taken >= _REMARK_WIDTH
        yield self._table(by_name, student, options)
        if not by_name:
            legend = " · ".join(f"{i} {name}" for i, name in enumerate(names, 1))
            yield Text(legend, style="dim")
        if signs := self._signs():
            yield Text(signs, style="dim")
        if manual := [one_line(question.id) for question in self.found.questions if question.manual]:
            yield Text(f"Marked by hand, and not in these scores: {listed(manual)}.", style="dim")

    def _table(self, by_name: bool, student: int, options: ConsoleOptions) -> Table:
        questions = [question for question in self.found.questions if not question.manual]
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, show_footer=True, pad_edge=False)
        table.add_column("student", "mean", max_width=student, overflow="ellipsis", no_wrap=True)
        scores = self.found.scores
        mean = number(statistics.fmean(scores)) if scores else ""
        table.add_column("score", mean, justify="right", no_wrap=True)
        taken = student + _GAP + max(len("score"), *(len(_score(result)) for result in self.found.results)) + _GAP
        for place, question in enumerate(questions, 1):
            head = "\n".join(_halves(one_line(question.id))) if by_name else str(place)
            foot = "" if question.mean_share is None else number(question.mean_share * question.max_points)
            cells = [_points(answer) for answer in self._answers(question.id)]
            width = max(len(text) for text in [*head.split("\n"), foot, *(str(cell) for cell in cells)])
            table.add_column(head, foot, justify="right", no_wrap=True, min_width=width)
            taken += width + _GAP
        room = max(options.max_width - taken, 12)
        table.add_column("", overflow="fold")
        for result in self.found.results:
            by_id = {question.id: question for question in result.questions}
            cells = [_points(by_id.get(question.id)) for question in questions]
            table.add_row(Text(called(result.submission)), Text(_score(result)), *cells, _remark(result, room))
        return table

    def _answers(self, question: str) -> list[Question | None]:
        return [next((q for q in result.questions if q.id == question), None) for result in self.found.results]

    def _signs(self) -> str:
        used = {kind(question) for result in self.found.results for question in result.questions}
        return " · ".join(f"{sign} {word}" for name, (sign, word) in _SIGNS.items() if name in used)


def verdict(result: Result) -> RenderableType:
    """Put one submission in words: its score, every claim, and what to think about next."""
    lines: list[RenderableType] = [Text.assemble((headline(result), "bold"), f"  {one_line(result.submission)}")]
    if result.status == "grader_error":
        lines.append(Text(f"So far {number(result.score)} of {number(result.max_score)} points."))
    if result.message:
        lines.append(Text(one_line(result.message)))
    for question in result.questions:
        lines += _question(question)
    if result.mended:
        lines.append(Text("Put right before grading", style="bold"))
        lines += [_indented("- ", one_line(told)) for told in result.mended]
    if result.flags:
        lines.append(Text("Noted while grading", style="bold"))
        lines += [_indented("- ", one_line(flag)) for flag in result.flags]
    return _Printable(Group(*lines))


def _question(question: Question) -> list[RenderableType]:
    style = _STYLES[kind(question)]
    given = "" if question.points is None else f"{number(question.points)} of {points(question.max_points)}"
    head = Table.grid(padding=(0, 2, 0, 0))
    head.add_column(width=24, no_wrap=True, overflow="ellipsis")
    head.add_column(min_width=13, justify="right")
    head.add_column()
    head.add_row(
        Text(one_line(question.id), style="bold"), Text(given, style=style), Text(standing(question), style=style)
    )
    lines: list[RenderableType] = [head]
    for note in (question.message, FOLLOWED if question.follow_through else ""):
        if note:
            lines.append(_indented("", one_line(note)))
    for diagnosis in question.diagnoses:
        lines.append(_indented("", one_line(diagnosis.says), "bold"))
        lines.append(_indented(ARROW, one_line(diagnosis.hint)))
    if question.definition:
        lines.append(_indented("", one_line(f"{question.definition}."), "dim"))
    if kind(question) != "full":
        lines += map(_claims, question.told)
    return [*lines, Text()] if len(lines) > 1 else lines


def _claims(told: Told) -> RenderableType:
    """Claims of which the same is said, a row each, and what is said below them."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=11, no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    style = _OUTCOMES[told.outcome]
    for worth, says in told.claims:
        grid.add_row(Text(f"{SIGNS[told.outcome]} {told.outcome}", style=style), Text(worth), Text(one_line(says)))
    rows: list[RenderableType] = [grid]
    if told.message:
        rows.append(Padding(Text(one_line(told.message), style="dim"), (0, 0, 0, 13)))
    return Padding(Group(*rows), (0, 0, 0, 2))


def _indented(label: str, text: str, style: str = "") -> RenderableType:
    if not label:
        return Padding(Text(text, style=style), (0, 0, 0, 2))
    grid = Table.grid()
    grid.add_column(width=len(label))
    grid.add_column(overflow="fold")
    grid.add_row(Text(label, style="dim"), Text(text, style=style))
    return Padding(grid, (0, 0, 0, 2))


def _halves(name: str) -> list[str]:
    """Break a long name once, at the underscore nearest its middle."""
    breaks = [place for place, char in enumerate(name) if char == "_" and 0 < place < len(name) - 1]
    if len(name) < 8 or not breaks:
        return [name]
    middle = min(breaks, key=lambda place: abs(2 * place - len(name)))
    return [name[: middle + 1], name[middle + 1 :]]


def _score(result: Result) -> str:
    if result.status == "graded":
        return f"{number(result.score)}/{number(result.max_score)}"
    return "?"


def _points(question: Question | None) -> Text:
    if question is None:
        return Text("")
    name = kind(question)
    if name in _SIGNS:
        return Text(_SIGNS[name][0], style=_STYLES[name])
    return Text(number(question.points or 0.0), style=_STYLES[name])


def _remark(result: Result, room: int) -> Text:
    lines = textwrap.wrap(remark(result), room, max_lines=2, placeholder=" …")
    if result.flags:
        flags = f"{len(result.flags)} flag{'' if len(result.flags) == 1 else 's'}"
        lines.append(flags)
    return Text("\n".join(lines))


def changes(pairs: Sequence[tuple[Result | None, Result]]) -> RenderableType:
    """Show who would change if results were written: before, after, by how much, and the questions that say why."""
    table = Table(box=box.SIMPLE, title="what would change", title_justify="left")
    for heading in ("student", "before", "after", "change"):
        table.add_column(heading, justify="left" if heading == "student" else "right", no_wrap=heading != "student")
    table.add_column("why", overflow="fold")
    rows = 0
    for before, after in sorted(pairs, key=lambda pair: pair[1].submission):
        why = _why(before, after)
        if why:
            rows += 1
            change = f"{after.score - before.score:+g}" if before else "new"
            table.add_row(
                Text(called(after.submission)),
                points(before.score) if before else "",
                points(after.score),
                change,
                Text(why),
            )
    return table if rows else Text(f"Nothing would change for the {len(pairs)} that were graded again.")


def _why(before: Result | None, after: Result) -> str:
    if before is None:
        return "not graded before"
    if before.status != after.status:
        return f"{before.status}, now {after.status}"
    last = {question.id: question for question in before.questions}
    return ", ".join(
        f"{q.id}: {_said(last.get(q.id))}, now {_said(q)}" for q in after.questions if _said(last.get(q.id)) != _said(q)
    )


def _said(question: Question | None) -> str:
    if question is None:
        return "not asked"
    return question.status if question.points is None else points(question.points)
