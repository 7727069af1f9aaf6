"""The kit's own settings, as nbgrader_config.py has them."""

from __future__ import annotations

from traitlets import Bool, Enum, Float, Integer, TraitError, Unicode
from traitlets.config import Configurable

DAY_S = 86_400.0
"""Seconds of a day: no submission is waited for so long."""

LEAST_MIB, MOST_MIB = 64, 1 << 20
"""Memory for a notebook, in MiB: less holds none, and no machine has more than 1 TiB to give."""


class Seconds(Float):  # type: ignore[misc]  # traitlets is read without its types
    """A time that code may take: more than nothing, and a day at the most."""

    def validate(self, obj: object, value: object) -> float:
        """Find out whether it is a time, in seconds."""
        seconds: float = super().validate(obj, value)
        if not 0.0 < seconds <= DAY_S:  # nan is neither
            raise TraitError(f"{self.name} is {value}, where seconds belong: more than 0, and {DAY_S:,.0f} at the most")
        return seconds


class BackpropKit(Configurable):  # type: ignore[misc]  # traitlets is read without its types
    """The kit's own settings; `c.BackpropKit.<name> = ...` in nbgrader_config.py."""

    trust_students = Bool(
        False,
        help="Whether student code may run in the grader's own process on a machine that can't isolate it in a jail.",
    ).tag(config=True)
    run_all = Bool(
        False,
        help="Whether every cell of a notebook is run, not only what its graded functions depend on.",
    ).tag(config=True, judges=True)
    follow_through = Bool(
        True,
        help="Follow-through: whether a question that fails is judged again with correct functions in place of wrong "
        "ones that have already cost points in other questions, so that one mistake costs points only once.",
    ).tag(config=True, judges=True)
    by_hand = Enum(
        ("flag", "require", "ignore"),
        default_value="flag",
        help="What happens to a derivative that relies on autograd or finite differences where it should be written by "
        "hand: it is flagged for a person, or it costs the points as well, or nobody looks. `require` tries every "
        "such question without autograd, whatever its source says. Whoever fails there for another reason is not "
        "accused. Not seen: a notebook's own dual numbers and graphs, differences that are written out or summed in a "
        "loop, and code that finds out where it runs.",
    ).tag(config=True, judges=True)
    call_s = Seconds(10.0, help="Seconds that one call of a student's functions may take.").tag(
        config=True, judges=True
    )
    cell_s = Seconds(30.0, help="Seconds that one statement of a notebook's cells may take.").tag(
        config=True, judges=True
    )
    notebook_s = Seconds(120.0, help="Seconds that running a notebook's cells may take in all.").tag(
        config=True, judges=True
    )
    submission_s = Seconds(
        300.0,
        help="Seconds that a submission may take in all: reading it, running it, judging it, naming its mistakes. "
        "What was judged by then keeps its points, the rest waits for a person, and the next submission is graded.",
    ).tag(config=True, judges=True)
    memory_mib = Integer(
        1024, min=LEAST_MIB, max=MOST_MIB, help="Memory that a notebook may take, beyond its libraries."
    ).tag(config=True, judges=True)
    hidden_tests = Unicode(
        "hidden_tests",
        help="The folder of the course's own hidden tests, with a folder for each assignment. An assignment that has "
        "none there is judged with the kit's.",
    ).tag(config=True)
    data_utils_url = Unicode(
        "",
        help="Where a notebook on its own gets data_utils from: the https address at which you put "
        "release/data_utils.zip, which `release` makes then, with its SHA-256 in the notebook. Without one, data_utils "
        "has to lie beside the notebook.",
    ).tag(config=True)
    colab_url = Unicode(
        "",
        help='The address that the "Open in Colab" badge opens, with {name} for the lesson\'s name, such as '
        "https://colab.research.google.com/github/you/course/blob/main/release/{name}/{name}.ipynb. Without one there "
        "is no badge; with one, data_utils_url is needed, too.",
    ).tag(config=True)
    assistants_file = Unicode(
        "",
        help="A file of the course's own on what AI assistants may help with. Each release includes it as AGENTS.md, "
        "and its first paragraph is in the notebook. Without one, the kit's own is used: explain, ask, point to a "
        "section, check a shape; write no answer.",
    ).tag(config=True)
    bundle_visibility = Enum(
        ("after_due_date", "after_published", "visible", "hidden"),
        default_value="after_due_date",
        help="When students see their verdicts on a platform that `autograder bundle` has made an autograder for; "
        "instructors always do. A verdict tells a little about the hidden inputs, and who sees it at once can ask "
        "again with another answer.",
    ).tag(config=True)
    secret_file = Unicode(
        ".autograder/secret",
        help="Where the secret is kept from which hidden inputs are drawn; it is made on first use and must never be "
        "published. You can also write your own: 16 printable ASCII characters or more.",
    ).tag(config=True)

    @property
    def judging(self) -> dict[str, object]:
        """Those that a score can hang on, by name: part of what a record was judged by."""
        return {name: getattr(self, name) for name in sorted(self.trait_names(judges=True))}
