"""What was handed in, as text: its cells, its statements, and which definition answers a question.

Nothing is run here and nothing is judged; what is damaged is read as far as it goes, and what is wrong with it is said.
"""

from autograder.notebook.definition import Definitions, can_be_called, plain
from autograder.notebook.file import LARGEST, UnreadableNotebook, contents, parse, read, readable, within
from autograder.notebook.lesson import Lesson, Repaired, known, listed
from autograder.notebook.modules import MOST_CARRIED, Carried, Folder
from autograder.notebook.newer import HERE
from autograder.notebook.notebook import QUOTED, Cell, Notebook
from autograder.notebook.statement import Statement, SyntaxFault, defined, steps
from autograder.notebook.text import TOO_DEEP, Unreadable, kept, nodes, taking_apart

__all__ = [
    "HERE",
    "LARGEST",
    "MOST_CARRIED",
    "QUOTED",
    "TOO_DEEP",
    "Carried",
    "Cell",
    "Definitions",
    "Folder",
    "Lesson",
    "Notebook",
    "Repaired",
    "Statement",
    "SyntaxFault",
    "Unreadable",
    "UnreadableNotebook",
    "can_be_called",
    "contents",
    "defined",
    "kept",
    "known",
    "listed",
    "nodes",
    "parse",
    "plain",
    "read",
    "readable",
    "steps",
    "taking_apart",
    "within",
]
