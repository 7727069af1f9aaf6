"""A two-layer perceptron by hand, one sample at a time."""
