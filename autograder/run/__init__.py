"""Many submissions: where they are graded, and the records and the gradebook that come of it, written by one hand.

It judges nothing itself and draws no page.
"""

from autograder.run.autograded import Page, noted, page
from autograder.run.batch import Batch, Graded, notes, remember
from autograder.run.beside import barred
from autograder.run.database import tools_on_path
from autograder.run.engine import Engine, Lost
from autograder.run.gradebook import Book, due
from autograder.run.handed import Handed, hand
from autograder.run.handing import about, left_out, unread, withdrawn
from autograder.run.people import Known, moments, people
from autograder.run.records import Stored, graded, kept, records, results, stored
from autograder.run.released import added
from autograder.run.totals import previewed, totals
from autograder.run.worker import Job, Worker

__all__ = [
    "Batch",
    "Book",
    "Engine",
    "Graded",
    "Handed",
    "Job",
    "Known",
    "Lost",
    "Page",
    "Stored",
    "Worker",
    "about",
    "added",
    "barred",
    "due",
    "graded",
    "hand",
    "kept",
    "left_out",
    "moments",
    "noted",
    "notes",
    "page",
    "people",
    "previewed",
    "records",
    "remember",
    "results",
    "stored",
    "tools_on_path",
    "totals",
    "unread",
    "withdrawn",
]
