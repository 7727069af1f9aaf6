"""Formulas on pages: MathML without a network, and nothing else of what somebody typed between dollar signs."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from autograder.report.formula import LONGEST, formula


def parsed(made: str) -> ElementTree.Element:
    """What was made, as a browser takes it apart."""
    return ElementTree.fromstring(made)  # noqa: S314 - it was made here


@pytest.mark.parametrize(
    "tex",
    [
        r"\frac{\partial\ell}{\partial x_2}=2\,(x_2-t)\qquad(n_\text{out},)",
        r"W_2^\top\,\frac{\partial\ell}{\partial s_2}\odot\sigma'(s_1)",
        r"\sum_{i=1}^{n}(W_2)_{ij}, \quad \mathbb{R}^{m\times n}",
        r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}",
        r"\begin{aligned} a &= b \\ &= c \end{aligned}",
        r"\left[\frac{1}{N}\right] \le \infty",
    ],
)
def test_what_derivations_are_made_of_is_shown_as_a_formula(tex: str) -> None:
    """Fractions, sums, transposes, matrices and aligned steps are MathML, and no TeX is left in it."""
    made = formula(tex, block=True)

    assert parsed(made).tag == "math"
    assert "\\" not in re.sub("<[^>]*>", "", made)


@pytest.mark.parametrize(
    "tex",
    [
        r"\text{<script>alert(1)</script>}",
        r"\text{&lt;img src=x onerror=alert(1)&gt;}",
        r"\href{javascript:alert(1)}{x}",
        r"\class{a}{x} \style{background:url(//evil)}{x}",
        r"<img src=x onerror=alert(1)>",
        r"\color{red\" onload=\"alert(1)}{x}",
    ],
)
def test_a_formula_brings_nothing_but_a_formula(tex: str) -> None:
    """No element, link, style or handler of anybody's own comes with it."""
    for made in (formula(tex), formula(tex, block=True)):
        found = list(parsed(made).iter())
        assert all(re.fullmatch("m[a-z]+|code|none", element.tag) for element in found)
        assert not {"href", "style", "class", "onerror", "onload", "mathbackground"} & {
            k for e in found for k in e.attrib
        }


@pytest.mark.parametrize(
    "tex", [r"\frac{", r"\begin{x}", "}", r"\left(", "", "x" * (LONGEST + 1), "{" * 3000, "^" * 99]
)
def test_what_is_no_formula_stands_there_as_it_was_typed(tex: str) -> None:
    """A student's slip stops no page."""
    parsed(formula(tex))
