"""Results on a terminal: a table of a class, and one submission in full. Without colours where there are none."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from autograder.report.tally import Cause, ClassTally, QuestionTally, causes, tally
from autograder.report.words import called, headline, kind, remark, standing
from autograder.result import ARROW, FOLLOWED, SIGNS, Question, Result, Told, number, points
from autograder.total import MarkedQuestion, Total
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
    "manual": ("✎", "to be marked by a person"),
    "ungraded": ("?", "waiting for a person"),
}
_PLAINER = str.maketrans(
    {"\N{EN DASH}": "-", "·": "|", "…": ".", "✓": "+", "✗": "x", "→": ">", "✎": "*", "\N{NO-BREAK SPACE}": " "}
)
_OUTCOMES = {"passes": "green", "fails": "red", "not tried": "dim"}
_GAP = 2
"""Blanks between two columns."""
FEW = 8
"""Students who are named beside a sentence; of more, their number is told."""


def class_table(results: Sequence[Result]) -> RenderableType:
    """Make the table of a class: a row a student, a column a question.

    It fits into 80 columns; what there is to say stands below it, equal sentences once.
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
    """Chooses its columns when it knows how much room there is; the sentences stand below it, whole."""

    found: ClassTally

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        questions = [question for question in self.found.questions if not question.manual]
        names = [one_line(question.id) for question in questions]
        student = max(min(max(len(called(result.submission)) for result in self.found.results), 18), len("student"))
        score = max(len("score"), *(len(_score(result)) for result in self.found.results))
        columns = [[_points(answer) for answer in self._answers(question.id)] for question in questions]
        means = [self._mean(question) for question in questions]
        heads = ["\n".join(_halves(name)) for name in names]
        taken = student + score + 2 * _GAP
        by_name = taken + sum(_width(*column) + _GAP for column in zip(heads, means, columns, strict=True))
        if numbered := by_name > options.max_width:
            heads = [str(place) for place in range(1, len(names) + 1)]
        yield self._table(student, [*zip(heads, means, columns, strict=True)])
        if numbered:
            yield Text(
                " · ".join(f"{place}\N{NO-BREAK SPACE}{name}" for place, name in enumerate(names, 1)), style="dim"
            )
        if signs := self._signs():
            yield Text(signs, style="dim")
        if self.found.unread:
            yield Text(self.found.unread, style="dim")
        told = causes(("", remark(result), result.submission) for result in self.found.results if remark(result))
        flags = causes(
            ("", one_line(flag), result.submission) for result in self.found.results for flag in result.flags
        )
        for heading, group in (("What to look at first", told), ("Noted while grading", flags)):
            if group:
                yield Text()
                yield Text(heading, style="bold")
                yield _named(group, options.max_width)

    def _table(self, student: int, columns: Sequence[tuple[str, str, list[Text]]]) -> Table:
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, show_footer=True, pad_edge=False)
        table.add_column("student", "mean", max_width=student, overflow="ellipsis", no_wrap=True)
        scores = self.found.scores
        table.add_column("score", number(statistics.fmean(scores)) if scores else "", justify="right", no_wrap=True)
        for head, foot, cells in columns:
            width = _width(head, foot, cells)
            table.add_column(head, foot, justify="right", no_wrap=True, min_width=width)
        for place, result in enumerate(self.found.results):
            cells = [column[place] for _, _, column in columns]
            table.add_row(Text(called(result.submission)), Text(_score(result)), *cells)
        return table

    def _mean(self, question: QuestionTally) -> str:
        return "" if question.mean_share is None else number(question.mean_share * question.max_points)

    def _answers(self, question: str) -> list[Question | None]:
        return [next((q for q in result.questions if q.id == question), None) for result in self.found.results]

    def _signs(self) -> str:
        shown = {question.id for question in self.found.questions if not question.manual}
        used = {kind(q) for result in self.found.results for q in result.questions if q.id in shown}
        return " · ".join(f"{sign} {word}" for name, (sign, word) in _SIGNS.items() if name in used)


def _width(head: str, foot: str, cells: Sequence[Text]) -> int:
    return max(len(text) for text in [*head.split("\n"), foot, *map(str, cells)])


def _named(group: Sequence[Cause], width: int) -> RenderableType:
    """Sentences, each once and whole, beside those whom it is about."""
    names = [", ".join(map(called, cause.students[:FEW])) for cause in group]
    for place, cause in enumerate(group):
        left = len(cause.students) - FEW
        names[place] += f" and {left} more" if left > 0 else ""
    grid = Table.grid(padding=(0, _GAP, 0, 0))
    grid.add_column(width=min(max(map(len, names)), width // 4), overflow="fold")
    grid.add_column(overflow="fold")
    for who, cause in zip(names, group, strict=True):
        grid.add_row(Text(who), Text(cause.says))
    return grid


def verdict(result: Result) -> RenderableType:
    """Put one submission in words: its score, every claim, and what to think about next."""
    lines: list[RenderableType] = [Text.assemble((_headline(result), "bold"), f"  {one_line(result.submission)}")]
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


def _headline(result: Result) -> str:
    """The score; of a record that no gradebook stands behind, also what a person may add."""
    more = sum(question.max_points for question in result.questions if kind(question) == "manual")
    if result.status != "graded" or isinstance(result, Total) or not more:
        return headline(result)
    return f"{number(result.score)} of {number(result.max_score)}; a person marks {number(more)} more"


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
    comment = question.comment if isinstance(question, MarkedQuestion) else ""
    followed = FOLLOWED if question.follow_through else ""
    for note in (question.message, comment, followed):
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


def changes(pairs: Sequence[tuple[Total | None, Total]]) -> RenderableType:
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
            change = f"{round(after.score - before.score, 2):+g}" if before else "new"
            table.add_row(
                Text(called(after.submission)),
                points(before.score) if before else "",
                points(after.score),
                change,
                Text(why),
            )
    return table if rows else Text(f"Nothing would change for the {len(pairs)} that were graded again.")


def _why(before: Total | None, after: Total) -> str:
    if before is None:
        return "not graded before"
    if before.status != after.status:
        return f"{before.status}, now {after.status}"
    last = {question.id: question for question in before.questions}
    told = [
        f"{q.id}: {_said(last.get(q.id))}, now {_said(q)}" for q in after.questions if _said(last.get(q.id)) != _said(q)
    ]
    if before.penalty != after.penalty:
        told.append(f"being late costs {points(after.penalty)}, until now {points(before.penalty)}")
    return ", ".join(told)


def _said(question: Question | None) -> str:
    if question is None:
        return "not asked"
    return question.status if question.points is None else points(question.points)
