"""The programs that a course lives with: nbgrader's plug-ins, Jupyter kernels, and what goes out to platforms and in.

It translates; it judges nothing, and keeps nothing of its own.
"""
