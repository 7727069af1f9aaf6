"""Right or wrong, and why: hidden inputs, oracles, comparison, sentences, known mistakes, second trials, the record.

It reads no gradebook, and never runs a student's code but through the jail.
"""

from autograder.judge import oracle
from autograder.judge.answers import (
    Answers,
    Recorder,
    answers,
    mistaken_answers,
    reference_answers,
    same_answers,
    tells,
)
from autograder.judge.bank import Bank, Harmless, Impostor, Misconception, Variant, bank
from autograder.judge.check import Check, Claim, beside, checks, weight
from autograder.judge.comparison import Mismatch, a_tensor, compare, counted, measured, unchanged
from autograder.judge.custody import Unheld, held, holds
from autograder.judge.diagnosis import diagnose
from autograder.judge.grader import Grader, Grading
from autograder.judge.inputs import Normal, Spec, Tensors, digest, draw, once, seeded
from autograder.judge.modules import module, own_fault
from autograder.judge.reference import edited, mistaken, reference, replaced, source_of
from autograder.judge.sentences import explain
from autograder.judge.submission import Submission
from autograder.judge.tolerance import same_values
from autograder.judge.trial import Trial, judge, judge_all

__all__ = [
    "Answers",
    "Bank",
    "Check",
    "Claim",
    "Grader",
    "Grading",
    "Harmless",
    "Impostor",
    "Misconception",
    "Mismatch",
    "Normal",
    "Recorder",
    "Spec",
    "Submission",
    "Tensors",
    "Trial",
    "Unheld",
    "Variant",
    "a_tensor",
    "answers",
    "bank",
    "beside",
    "checks",
    "compare",
    "counted",
    "diagnose",
    "digest",
    "draw",
    "edited",
    "explain",
    "held",
    "holds",
    "judge",
    "judge_all",
    "measured",
    "mistaken",
    "mistaken_answers",
    "module",
    "once",
    "oracle",
    "own_fault",
    "reference",
    "reference_answers",
    "replaced",
    "same_answers",
    "same_values",
    "seeded",
    "source_of",
    "tells",
    "unchanged",
    "weight",
]
