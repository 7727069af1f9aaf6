"""How the hidden tests drive a notebook: each flow calls the student's functions and hands back what they gave.

This text travels to where the student's code runs; it holds no right answer.
"""


def softsign(nb, x):
    """Call softsign, and keep its argument to see whether it was changed."""
    return {"answer": nb.softsign(x), "given x": x}


def dsoftsign(nb, x):
    """Call dsoftsign, and keep its argument."""
    return {"answer": nb.dsoftsign(x), "given x": x}
