"""Pictures of a class, as SVG to stand inside a page, each with a sentence that says what is to be seen.

Ink takes the page's own colour, so that a picture can be read in the light and in the dark. Fills are told apart by
hatching as well as by colour. The same numbers give the same bytes.
matplotlib is imported when something is drawn: most commands draw nothing.
"""

from __future__ import annotations

import io
import math
import re
import statistics
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from autograder.report.tally import ClassTally, MistakeTally, QuestionTally
from autograder.report.words import KINDS, count, listed, percent
from autograder.result import number, points
from autograder.visible import one_line

BLUE, SKY, ORANGE, VERMILION, PURPLE = "#0072B2", "#56B4E9", "#E69F00", "#D55E00", "#CC79A7"
INK = "#010203"
"""Stands for the page's own colour of text; no other part of a picture has it."""
WIDTH = 4.7
"""Inches. Narrow, so that a telephone need not shrink the letters much."""
MOST_MISTAKES = 12
"""Mistakes that a picture shows; the page's text has them all."""

_FILLS: dict[str, dict[str, Any]] = {
    "full": {"facecolor": BLUE, "hatch": "", "edgecolor": BLUE},
    "part": {"facecolor": SKY, "hatch": "////", "edgecolor": "#2C7FB0"},
    "nothing": {"facecolor": ORANGE, "hatch": "....", "edgecolor": "#9A6A00"},
    "no_answer": {"facecolor": "none", "hatch": "", "edgecolor": "#999999"},
    "manual": {"facecolor": "none", "hatch": "\\\\", "edgecolor": "#999999"},
    "ungraded": {"facecolor": PURPLE, "hatch": "xxxx", "edgecolor": "#8A4A6C"},
}
_RC = {
    "svg.fonttype": "none",
    "svg.hashsalt": "backprop-kit",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.parse_math": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#999999",
    "xtick.color": "#999999",
    "xtick.labelcolor": INK,
    "hatch.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
}


@dataclass(frozen=True)
class Picture:
    """A drawing, and a sentence for whoever can't see it."""

    name: str
    svg: str
    """An <svg> element, ready to stand in a page: its ids begin with the picture's name."""
    alt: str


def scores(found: ClassTally) -> Picture | None:
    """Draw how many students have how many points; None where nobody could have any."""
    most = found.max_score
    if not found.scores or most <= 0:
        return None
    step = _step(most)
    bins = math.ceil(most / step - 1e-9)
    held = [0] * (bins + 1)
    for score in found.scores:
        held[bins if score >= most - 1e-9 else min(int(score / step + 1e-9), bins - 1)] += 1
    names = [f"{number(k * step)}\N{EN DASH}{number(min((k + 1) * step, most))}" for k in range(bins)] + [
        f"all {number(most)}"
    ]

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        fills = [_FILLS["part"]] * bins + [_FILLS["full"]]
        for place, (howmany, fill) in enumerate(zip(held, fills, strict=True)):
            axes.bar(place, howmany, width=0.82, linewidth=0, **fill)
            if howmany:
                axes.annotate(f"{howmany}", (place, howmany), (0, 3), textcoords="offset points", ha="center")
        axes.set_xticks(range(bins + 1), names)
        axes.set_yticks([])
        axes.set_ylim(0, max(held) * 1.15)
        axes.set_xlim(-0.6, bins + 0.6)
        axes.tick_params(length=0)
        axes.set_xlabel("points (a score on a boundary counts in the bar to its right)")

    told = [f"{howmany} with {name}" for name, howmany in zip(names[:-1], held[:-1], strict=True) if howmany]
    told += [f"{held[-1]} with all {number(most)}"] if held[-1] else []
    mean, median = statistics.fmean(found.scores), statistics.median_high(found.scores)
    alt = f"Histogram of {count(len(found.scores), 'score')}, in points: {listed(told)}. "
    alt += f"The mean is {number(mean)}, the median {number(median)}."
    return Picture("scores", _svg("scores", 3.1, draw), alt)


def questions(found: ClassTally) -> Picture | None:
    """Draw a bar a question: how many had which part of its points, and their mean; None without such a question."""
    shown = [q for q in found.questions if set(q.kinds) - {"manual"}]
    if not shown:
        return None
    from matplotlib.patches import Patch

    used = [name for name in _FILLS if any(q.kinds.get(name) for q in shown)]

    def draw(figure: Any) -> None:
        axes = _rows(figure, len(shown))
        for row, question in enumerate(shown):
            _question_bar(axes, row, question)
        axes.set_xlim(-0.004, 1.004)
        handles = [Patch(**_FILLS[name], linewidth=0.6, label=KINDS[name]) for name in used]
        marks = axes.plot([], [], linestyle="", marker="^", color=INK, markersize=5.5, label="mean share of its points")
        figure.legend(handles=[*handles, *marks], loc="outside upper left", ncols=2, frameon=False, fontsize=8.5)

    legend = 0.21 * math.ceil((len(used) + 1) / 2) + 0.1
    alt = "One bar per question. " + " ".join(_told(question) for question in shown)
    return Picture("questions", _svg("questions", 0.5 * len(shown) + legend + 0.1, draw), alt)


def mistakes(found: ClassTally) -> Picture | None:
    """Draw a bar a known mistake, the most frequent first: how many made it; None where nobody made one."""
    shown = sorted(found.mistakes, key=lambda mistake: -len(mistake.students))[:MOST_MISTAKES]
    if not shown:
        return None
    most = max(len(mistake.students) for mistake in shown)

    def draw(figure: Any) -> None:
        axes = _rows(figure, len(shown))
        for row, mistake in enumerate(shown):
            howmany = len(mistake.students)
            axes.barh(
                row, howmany, height=0.36, facecolor=VERMILION, hatch="\\\\\\\\", edgecolor="#8A3D00", linewidth=0
            )
            axes.annotate(f"{howmany}", (howmany, row), (5, 0), textcoords="offset points", va="center")
            label = _cut(f"{one_line(mistake.question)} · {one_line(mistake.diagnosis.id)}", 58)
            axes.annotate(label, (0, row - 0.26), (0, 1), textcoords="offset points", va="bottom")
        axes.set_xlim(0, most * 1.08)

    left = len(found.mistakes) - len(shown)
    alt = f"One bar per known mistake. {' '.join(_made(mistake) for mistake in shown)}"
    alt += f" {count(left, 'rarer mistake')} not drawn." if left else ""
    return Picture("mistakes", _svg("mistakes", 0.45 * len(shown) + 0.15, draw), alt)


def _question_bar(axes: Any, row: int, question: QuestionTally) -> None:
    everyone = sum(question.kinds.values())
    start = 0.0
    for name, fill in _FILLS.items():
        howmany = question.kinds.get(name, 0)
        if not howmany:
            continue
        share = howmany / everyone
        axes.barh(row, share, left=start, height=0.38, linewidth=0.6, **fill)
        if share >= 0.03:
            color = {"full": "#FFFFFF", "no_answer": INK, "manual": INK}.get(name, "#111111")
            box = {"facecolor": fill["facecolor"], "edgecolor": "none", "pad": 1.2}
            axes.text(start + share / 2, row, f"{howmany}", ha="center", va="center_baseline", color=color, bbox=box)
        start += share
    above = {"textcoords": "offset points", "va": "bottom"}
    axes.annotate(_cut(one_line(question.id), 36), (0, row - 0.26), (0, 1), **above)
    if question.mean_share is not None:
        axes.annotate(f"mean {percent(question.mean_share)}", (1, row - 0.26), (0, 1), ha="right", **above)
        axes.plot(question.mean_share, row + 0.29, marker="^", markersize=5.5, color=INK, clip_on=False)


def _told(question: QuestionTally) -> str:
    kinds = listed(f"{question.kinds[name]} {word}" for name, word in KINDS.items() if question.kinds.get(name))
    mean = (
        "" if question.mean_share is None else f"mean {percent(question.mean_share)} of {points(question.max_points)}; "
    )
    return f"{one_line(question.id)}: {mean}{kinds}."


def _made(mistake: MistakeTally) -> str:
    return f"{one_line(mistake.question)}, {one_line(mistake.diagnosis.id)}: {count(len(mistake.students), 'student')}."


def _step(most: float) -> float:
    """Choose a round width that gives a histogram eight bins at most."""
    return next(step for step in _round_numbers() if most / step <= 8)


def _round_numbers() -> Iterator[float]:
    exponent = -4
    while True:
        yield from (digit * 10.0**exponent for digit in (1, 2, 5))
        exponent += 1


def _rows(figure: Any, howmany: int) -> Any:
    """Axes with a row a bar and nothing around them: names and numbers stand at the bars."""
    axes = figure.subplots()
    axes.set_ylim(howmany - 0.58, -0.75)
    axes.axis("off")
    return axes


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _svg(name: str, height: float, draw: Callable[[Any], None]) -> str:
    from matplotlib.figure import Figure

    with _settings(), io.StringIO() as file:
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        draw(figure)
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        drawn = file.getvalue()
    drawn = drawn[drawn.index("<svg") :].strip()
    drawn = re.sub(r"<metadata>.*?</metadata>\s*", "", drawn, flags=re.DOTALL)
    head, body = drawn.split(">", 1)
    head = re.sub(r'\s(?:width|height|xmlns:xlink|version)="[^"]*"', "", head)
    # Only tags are touched: what stands between them is text.
    body = re.sub(r"<[^>]*>", lambda tag: _own_ids(tag[0], name), body)
    return f'{head} aria-hidden="true">{body}'.replace(INK, "currentColor")


def _own_ids(tag: str, name: str) -> str:
    """Set a picture's ids apart from those of other pictures on the same page."""
    tag = re.sub(r'\bid="', f'id="{name}-', tag)
    tag = re.sub(r'xlink:href="#', f'href="#{name}-', tag)
    return tag.replace("url(#", f"url(#{name}-")


@contextmanager
def _settings() -> Iterator[None]:
    """Matplotlib as it comes, whatever the user's settings; letters that its font lacks are the browser's to find."""
    from matplotlib import style

    with warnings.catch_warnings(), style.context(["default", _RC]):
        warnings.simplefilter("ignore")
        yield
