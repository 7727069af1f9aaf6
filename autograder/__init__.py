"""Grade backpropagation that students write by hand: hidden tests, known mistakes, and words that help."""

__version__ = "0.2.0"
