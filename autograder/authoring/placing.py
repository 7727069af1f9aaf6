"""Parts of a course that are put in their places when they are whole: a failure leaves nothing of them behind."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from autograder.errors import CannotGrade


class Made(list[Path]):
    """What was made so far, in its order."""

    def folders(self, path: Path) -> None:
        """Make a folder and those above it, as far as they are missing."""
        missing = [place for place in (path, *path.parents) if not place.exists()]
        for place in reversed(missing):
            place.mkdir()
            self.append(place)


@contextmanager
def placing(
    root: Path, parts: Sequence[Path], then: Callable[[Made], object] = bool, instead: bool = False
) -> Iterator[Path]:
    """Give a folder in which parts of a course are made; then move each to its place, in the order given.

    Shapes:
        then     what is done once they are there; if it fails, they are taken away again, and what it has told of
        instead  whether they take the place of what is there, which goes once they do

    Raises:
        CannotGrade: if something can't be written.
    """
    try:
        with _undone() as made:
            made.folders(root)
            with tempfile.TemporaryDirectory(dir=root, prefix=".autograder-draft-") as draft:
                yield Path(draft)
                for part in parts:
                    made.folders((root / part).parent)
                    if instead and (root / part).exists():
                        _exchanged(Path(draft, part), root / part, Path(draft, "before"))
                    else:
                        Path(draft, part).rename(root / part)
                        made.append(root / part)
                then(made)
    except OSError as error:
        place = Path(error.filename or root)
        if _starting_a_program(error):
            raise CannotGrade(
                f"The program {place} was not found. Nothing was changed. It comes with nbgrader: install that where "
                "autograder is, or activate the environment that has both."
            ) from None
        raise CannotGrade(
            f"{place} can't be written: {error.strerror or error}. Nothing was changed. "
            "Make the folder writable, or work in another one."
        ) from None


def _exchanged(new: Path, place: Path, aside: Path) -> None:
    """Put something in the place of something else, which is put aside, or stays if that fails."""
    place.rename(aside)
    try:
        new.rename(place)
    except OSError:
        aside.rename(place)
        raise


def _starting_a_program(error: OSError) -> bool:
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return frames[-1].f_globals.get("__name__") == "subprocess"


@contextmanager
def _undone() -> Iterator[Made]:
    """Take away what was made, if what is done with it fails."""
    made = Made()
    try:
        yield made
    except BaseException:
        for path in reversed(made):
            with contextlib.suppress(OSError):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise
