"""The student's side: a live notebook, and the border that its answers cross.

Nothing here imports anything of the kit above :mod:`autograder.jail.wire`.
"""
