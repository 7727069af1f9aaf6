"""One question, judged: every claim is tried, and tried again where another mistake or autograd is in it."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from autograder.course import Assignment, BackpropKit, Question, driven
from autograder.jail import LocalStudent, Reader, Step, Student
from autograder.judge import oracle, retrial, shortcuts
from autograder.judge.answers import Answers, otherwise, outline, reference_answers, same_answers, size
from autograder.judge.attempt import named, tried
from autograder.judge.check import checks
from autograder.judge.conventions import conventions
from autograder.judge.inputs import current_seed
from autograder.judge.reference import reference, solutions_of
from autograder.judge.sentences import in_turn, listed
from autograder.notebook import QUOTED, Definitions, Unreadable
from autograder.result import Diagnosis
from autograder.result import Question as Verdict
from autograder.visible import shortened

BROADCAST = 16
"""How many times as many numbers as are asked for come where a column met a vector, at the most."""

_LEFT_BEHIND = (
    "It failed after other code of this notebook had run, and not by itself: it was judged by itself. "
    "A person should look at it."
)
_OTHERWISE = "This fails even with correct functions in place of the wrong ones."


def judge(assignment: Assignment, question: Question, student: Student, found: Definitions | None = None) -> Verdict:
    """Try every claim of a question on a student, and say which known mistake was made."""
    sources = _own(assignment, question, student.steps) if isinstance(student, LocalStudent) else None
    return named(assignment, question, *tried(assignment, question, student, found), sources)


@dataclass(frozen=True)
class Helped:
    """The statements that follow-through puts in place of others; none where it doesn't help."""

    given: Sequence[Step] = ()
    without: Collection[Step] = ()


@dataclass(frozen=True)
class Trial:
    """One question of one notebook: judged, and judged again where another function's mistake or autograd is in it."""

    assignment: Assignment
    question: Question
    before: Sequence[Verdict]
    """The verdicts on the questions before this one."""
    definitions: Definitions | None = None
    sources: Sequence[Step] | None = None
    """The statements that the answer depends on; None if they can't be known."""
    absent: str = ""
    """What the answer rests on and this machine hasn't, as a sentence."""

    def judge(self, student: Reader, settings: BackpropKit) -> Verdict:
        """Judge the question as the course's settings ask."""
        verdict, found, helped = self._followed(student) if settings.follow_through else self._judged(student)
        verdict, found = self._by_itself(verdict, found, student, helped)
        verdict = self._by_convention(verdict, found, student, helped)
        return verdict if settings.by_hand == "ignore" else self._by_hand(verdict, student, helped, settings.by_hand)

    @property
    def _mistakes(self) -> dict[str, str]:
        """Which mistake each function before was found to have, "" for none."""
        return {
            name: verdict.diagnoses[0].id if verdict.diagnoses else ""
            for verdict in self.before
            for name in self._names(verdict)
        }

    def _names(self, verdict: Verdict) -> tuple[str, ...]:
        return next(question.names for question in self.assignment.questions if question.id == verdict.id)

    def _tried(self, student: Student, helped: bool = False) -> tuple[Verdict, Answers]:
        """Try the question; beside the reference's source, an exception is no word that a person is asked by."""
        absent = None if helped else self.absent
        return tried(self.assignment, self.question, student, self.definitions, absent)

    def _named(self, verdict: Verdict, found: Answers, wrong: Iterable[str] = ()) -> Verdict:
        """Name the mistake; those of functions that were replaced can't be it."""
        mistakes = self._mistakes | dict.fromkeys(wrong, "")
        return named(self.assignment, self.question, verdict, found, self.sources, mistakes)

    def _judged(self, student: Student) -> tuple[Verdict, Answers, Helped]:
        verdict, found = self._tried(student)
        return self._named(verdict, found), found, Helped()

    def _followed(self, student: Reader) -> tuple[Verdict, Answers, Helped]:
        """Judge, and again with right functions in place of those that have cost points before: one mistake costs once.

        Returns the better verdict, its answers, and the help that it was reached with. Only that one's mistake is
        named: to name one may take as long as all else.
        """
        lost = [v for v in self.before if v.points is None or v.points < v.max_points]
        wrong = [name for v in lost for name in self._names(v) if self._uses(name)]
        if any(v.status == "timeout" and not {*self._names(v)}.isdisjoint(wrong) for v in lost):
            first = self._helped(student, wrong)  # each call of what never comes back takes its full time
            if first and first[0].points == first[0].max_points:
                return first[0].model_copy(update={"follow_through": True}), *first[1:]
        verdict, found = self._tried(student)
        if verdict.status not in {"graded", "timeout", "killed", "manual"} or verdict.points == verdict.max_points:
            return self._named(verdict, found), found, Helped()
        odd = dict(self._odd(student)) if self._misfits(found) else {}
        if not odd and verdict.status == "graded" and _raises(found):
            odd = dict.fromkeys(self._stopping(student, wrong, verdict), "")
        wrong += odd
        second = self._helped(student, wrong)
        if second is None:
            return self._named(verdict, found), found, Helped()
        again, found_again, helped = second
        gained = (again.points or 0.0) - (verdict.points or 0.0)
        if gained >= 0:
            again = self._named(again, found_again, wrong)
        if gained < 0 or not (gained or again.diagnoses):
            return self._named(verdict, found), found, Helped()
        if not gained and not same_answers(found, found_again):
            again = again.model_copy(update={"diagnoses": _seen_beside(again.diagnoses, wrong)})
        # Beside the reference's source nothing may be said that the code could choose: not a line, a size, nor a sign.
        said = {test.id: test.message or _OTHERWISE for test in verdict.tests if test.tried}
        messages = in_turn(said.get(t.id, _OTHERWISE) if t.tried and not t.passed else t.message for t in again.tests)
        tests = tuple(t.model_copy(update={"message": told}) for t, told in zip(again.tests, messages, strict=True))
        # without a gain it only names the question's own mistake
        again = again.model_copy(
            update={"follow_through": gained > 0, "tests": tests, "stop": verdict.stop, "wrong": verdict.wrong}
        )
        if gained and odd:
            again = again.model_copy(update={"message": _replaced(odd)})
        return again, found_again, helped

    def _helped(self, student: Reader, wrong: Sequence[str]) -> tuple[Verdict, Answers, Helped] | None:
        """Try the question with right functions in place of some; None where there are none to be put there."""
        given = retrial.helpers(self.assignment, wrong)
        if not given:
            return None
        written = (statement for name in wrong if self.definitions for statement in self.definitions.of(name))
        own = frozenset(statement.step for statement in written)
        with student.given(given, without=own) as other:
            return *self._tried(other, helped=True), Helped(given, own)

    def _misfits(self, found: Answers) -> bool:
        """Whether something was raised, or is of another kind or shape than right, and not too large to be meant so."""
        right = reference_answers(self.assignment, checks(self.assignment.tests, self.question.id))
        wanted = {check: right[check] for check in found}
        return outline(found) != outline(wanted) and size(found) <= BROADCAST * size(wanted)

    def _odd(self, student: Student) -> Iterator[tuple[str, str]]:
        """Functions before this one that kept their points, and give another dtype or shape than others build on."""
        for verdict in self._kept():
            question = next(question for question in self.assignment.questions if question.id == verdict.id)
            _, found = tried(self.assignment, question, student, self.definitions, None)
            what = otherwise(found, reference_answers(self.assignment, checks(self.assignment.tests, question.id)))
            if what:
                yield from ((name, what) for name in question.names)

    def _stopping(self, student: Reader, wrong: Sequence[str], verdict: Verdict) -> Sequence[str]:
        """Functions that kept their points, and beside which this question stops, as it doesn't beside right ones.

        An answer of numpy's is right by its values, and nothing else of torch's takes it.
        """
        names = [name for kept in self._kept() for name in self._names(kept) if name not in wrong]

        def gain(more: Sequence[str]) -> float:
            helped = self._helped(student, [*wrong, *more]) if more else None
            return (helped[0].points or 0.0) - (verdict.points or 0.0) if helped else 0.0

        most = gain(names)
        return next(([name] for name in names if gain([name]) >= most), names) if most > 0 else ()

    def _kept(self) -> Iterator[Verdict]:
        """The verdicts before on what is used here and kept its points.

        One that is right only beside a replaced function has nothing of its own to show, and may take its full time.
        """
        for verdict in self.before:
            kept = verdict.points == verdict.max_points and not verdict.follow_through
            if kept and any(map(self._uses, self._names(verdict))):
                yield verdict

    def _unexplained(self, verdict: Verdict, found: Answers) -> bool:
        """Whether a question lost points by what another process, or another way to call it, might not show."""
        lost = verdict.status == "graded" and verdict.points != verdict.max_points
        return lost and not verdict.diagnoses and self.definitions is not None and self._misfits(found)

    def _by_itself(self, verdict: Verdict, found: Answers, student: Reader, helped: Helped) -> tuple[Verdict, Answers]:
        """Judge by itself what fails only after what another answer did to the process that both share."""
        if not self._unexplained(verdict, found):
            return verdict, found
        with student.given([retrial.afresh(self.question.id), *helped.given], without=helped.without) as other:
            again, found_again = self._tried(other, helped=bool(helped.given))
        if again.points is None or again.points <= (verdict.points or 0.0):
            return verdict, found
        flags = (*again.flags, f"{self.question.id}: {_LEFT_BEHIND}")
        update = {"follow_through": verdict.follow_through, "message": verdict.message, "flags": flags}
        return self._named(again, found_again).model_copy(update=update), found_again

    def _by_convention(self, verdict: Verdict, found: Answers, student: Reader, helped: Helped) -> Verdict:
        """Name the other convention by which an answer is right, if there is one: the points stay as they are."""
        if self.definitions is None or not self._unexplained(verdict, found):
            return verdict
        for convention in conventions(self.assignment, self.question, self.definitions):
            with student.given([*helped.given, *convention.steps], without=helped.without) as called:
                again, _ = self._tried(called, helped=True)
            if again.points == again.max_points:
                flag = f"{self.question.id}: {convention.diagnosis.says} A person should look at it."
                return verdict.model_copy(
                    update={"flags": (*verdict.flags, flag), "diagnoses": (convention.diagnosis,)}
                )
        return verdict

    def _uses(self, name: str) -> bool:
        """Whether what drives the answer has a name in it, or both the answer and the reference's rest on it.

        A right loss is of no use to a right dloss: whoever takes the slope of it would be given the answer.
        """
        if name in driven(self.assignment.tests, self.question.id):
            return True
        rests = {s.defines for own in self.question.names for s in solutions_of(self.assignment, own)}
        if name not in rests:
            return False
        if self.definitions is None or self.sources is None:
            return True
        return any(re.search(rf"\b{name}\b", text) for text in self._texts)

    def _by_hand(self, verdict: Verdict, student: Reader, helped: Helped, policy: str) -> Verdict:
        """Say where a derivative was not written by hand; under the policy `require` it costs the points, too."""
        if not verdict.points or not _is_by_hand(self.assignment, self.question, current_seed()):
            return verdict
        names = " and ".join(self.question.names)
        kept: float | None = 0.0
        try:
            found = shortcuts.shortcut(self._texts, self.assignment.names) if self.sources is not None else None
            told = None if found is None else self._told(found.does, found.source, found.line)
        except Unreadable as error:
            told = f"{names} can't be read, and should be written by hand: {error.why}"
        if told is None and (policy == "require" or self.sources is None or shortcuts.may_lean(self._texts)):
            told, kept = self._turned_away(verdict, student, helped)
        if told is None:
            return verdict
        flags = (*verdict.flags, f"{told}. A person should look at it.")
        return verdict.model_copy(update={"flags": flags, "points": kept if policy == "require" else verdict.points})

    def _turned_away(self, verdict: Verdict, student: Reader, helped: Helped) -> tuple[str | None, float | None]:
        """Ask for the answer again where autograd is off: what it did at a shut door, and the points that it keeps.

        It may fail there for many reasons, a thread or a compiler; none but that door is held against anybody.
        """
        first = [*retrial.AUTOGRAD_OFF, *helped.given]
        with student.given(first, retrial.AUTOGRAD_ON, helped.without) as other:
            retrial.knocks(other)  # those of the questions before
            again, _ = self._tried(other)
            knocks = retrial.knocks(other)
        if again.points is None or again.points >= (verdict.points or 0.0):
            return None, None
        for knock in knocks:
            place = knock.statement or (knock.cell, knock.line)
            if self._source(*place) is None and (knock.statement is not None or self._stands_elsewhere(*place)):
                continue
            where = self._source(knock.cell, knock.line)
            line = 0 if where is None else knock.line - (self.sources or ())[where].line + 1
            return self._told(knock.says, where, line), again.points
        return None, None

    @property
    def _texts(self) -> list[str]:
        return [step.source for step in self.sources or ()]

    def _source(self, cell: int, line: int) -> int | None:
        """Which of the statements behind the answer stands there."""
        return next((index for index, step in enumerate(self.sources or ()) if _covers(step, cell, line)), None)

    def _stands_elsewhere(self, cell: int, line: int) -> bool:
        """Whether a place is in another answer of the notebook, which this one was handed: that answers for itself."""
        return self.definitions is not None and any(_covers(s.step, cell, line) for s in self.definitions.statements)

    def _told(self, does: str, source: int | None, line: int) -> str:
        """Say what was found, in which function, in which cell, and what that line says."""
        names, where = " and ".join(self.question.names), ""
        if source is not None:
            step = (self.sources or ())[source]
            text = shortened(step.source.split("\n")[line - 1].strip(), QUOTED)
            where = f" (cell {step.cell + 1}: `{text}`)" if step.cell >= 0 else f" (`{text}`)"
            defined = re.match(r"(?:@[^\n]*\n)*(?:def|class) (\w+)|(\w+) *=[^=]", step.source)
            if defined and (by := defined[1] or defined[2]) not in self.question.names:
                does = f"{does} in {by}"
        return f"{names} {does}{where}, but should be written by hand"


def _seen_beside(diagnoses: Iterable[Diagnosis], names: Sequence[str]) -> tuple[Diagnosis, ...]:
    """Say of a mistake beside what it was seen: the values of the claims below are those that another one changed."""
    seen = f"This was seen with a correct {listed(names)} in place of yours."
    return tuple(diagnosis.model_copy(update={"says": f"{diagnosis.says} {seen}"}) for diagnosis in diagnoses)


def _replaced(odd: Mapping[str, str]) -> str:
    """Say which functions were replaced though they kept their points, and why."""
    told = (
        f"The values of your {listed([name for name, own in odd.items() if own == what])} are right, "
        + (
            f"but not the {what}, so code that builds on them may stop"
            if what
            else "but come in a form that stops this"
        )
        + ": it was judged with correct ones in their place."
        for what in dict.fromkeys(odd.values())
    )
    return " ".join(told)


def _raises(found: Answers) -> bool:
    """Whether some run of some check ended in an exception."""
    return any(not isinstance(outcome, Mapping) for outcomes in found.values() for outcome in outcomes)


def _covers(step: Step, cell: int, line: int) -> bool:
    return step.cell == cell and 0 <= line - step.line <= step.source.count("\n")


def judge_all(assignment: Assignment, student: LocalStudent, settings: BackpropKit | None = None) -> list[Verdict]:
    """Judge a student who is held here on every question that is not graded by a person."""
    verdicts: list[Verdict] = []
    for question in assignment.questions:
        if not question.manual:
            trial = Trial(assignment, question, tuple(verdicts), sources=_own(assignment, question, student.steps))
            verdicts.append(trial.judge(student, settings or BackpropKit()))
    return verdicts


def _own(assignment: Assignment, question: Question, steps: Sequence[Step]) -> list[Step]:
    """The statements of a notebook but those of other questions' answers."""
    others = set(assignment.names) - set(question.names)
    return [step for step in steps if re.sub(r"^(?:def|class) (\w+).*", r"\1", step.source, flags=re.S) not in others]


@functools.lru_cache(maxsize=1024)
def _is_by_hand(assignment: Assignment, question: Question, _seed: str) -> bool:
    """Whether a question asks for a derivative, and its reference does without autograd: then everybody can."""
    if not any(oracle.judges(claim.claim) for claim in checks(assignment.tests, question.id)):
        return False
    solution = reference(assignment)
    with solution.given(retrial.AUTOGRAD_OFF, retrial.AUTOGRAD_ON) as other:
        return tried(assignment, question, other)[0].points == question.max_points
