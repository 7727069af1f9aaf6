"""`python -m autograder` is the `autograder` command."""

from pathlib import Path

from autograder.importing import none_from

none_from(Path.cwd())  # `python -m` looks there first

from autograder.cli import main  # noqa: E402 - and what it imports

main()
