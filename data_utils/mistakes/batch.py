"""What well-known mistakes give on the inputs of the checks of `batch`."""

from __future__ import annotations

from data_utils.checks import Mistakes

MISTAKES: dict[str, Mistakes] = {
    "lin": {
        "is x times w alone; where is the bias?": [[5, 2, -1], [-5, -4, -3], [-3, 1, 5], [2, -1, -4]],
        "has the bias subtracted; it should be added.": [
            [4.5, 2.5, -3],
            [-5.5, -3.5, -5],
            [-3.5, 1.5, 3],
            [1.5, -0.5, -6],
        ],
    },
    "relu": {
        "is the absolute value; below 0 relu is 0.": [[2, 0.5, 0], [0.5, 1, 3]],
        "is the negative part; relu keeps the positive part.": [[-2, -0.5, 0], [0, 0, 0]],
        "is 1 where the input is positive; it should be the input itself there.": [[0, 0, 0], [1, 1, 1]],
        "is the logistic function; relu is straight on both sides of 0.": [
            [0.1192, 0.3775, 0.5],
            [0.6225, 0.7311, 0.9526],
        ],
        "is tanh; relu is straight on both sides of 0.": [[-0.964, -0.4621, 0], [0.4621, 0.7616, 0.9951]],
    },
    "model": {
        "is the result without relu between the two layers.": [[2], [3], [-1], [3.5]],
        "has been through relu again: an output may be negative.": [[2], [0], [1.5], [1.5]],
        "is the result without b2.": [[3], [0], [2.5], [2.5]],
        "is the result without b1.": [[0], [-1], [-0.5], [1]],
    },
    "mse, none wrong": {
        "is 1.3333, but should be 0: no difference should be left. Print the shape of the difference.": 1.3333,
        "is 12, but should be 0: no difference should be left. Print the shape of the difference.": 12,
    },
    "mse": {
        "is 2.25, the sum; it should be the mean, 0.75.": 2.25,
        "is 0.375, half of it; there is no factor 1/2 in this loss, so it should be 0.75.": 0.375,
        "is 0.8660, the square root of it; it should be 0.75.": 0.8660,
        "is -0.1667, the mean of the differences; each is squared first, so it should be 0.75.": -0.1667,
        "is 0.8333, the mean of the absolute differences; it should be the mean of the squares, 0.75.": 0.8333,
        "is 0.0278, the square of the mean; it should be the mean of the squares, 0.75.": 0.0278,
        "is 0.25, which is 0.75 divided by 3 again.": 0.25,
        "is 2.4167, the mean over a difference of shape (3, 3); it should be 0.75.": 2.4167,
    },
    "w": {
        "is built with out where out.g belongs.": [[300, 84, -84], [360, 100, -100]],
        "is summed over its rows as well.": [[0, 0, 22], [0, 0, 22]],
    },
    "inp": {
        "is built with out where out.g belongs.": [[7, 13], [15, 27], [23, 41], [31, 55]],
    },
    "b": {
        "sums out where out.g belongs.": [60, 16, -16],
    },
    "w2": {
        "is built with l1: what did w2 multiply in the forward pass?": [[3.75], [4], [0.75]],
        "is the result of a difference with the wrong shape: does the difference have shape (N, 1)?": [
            [5.5],
            [1.5],
            [1],
        ],
    },
    "w1": {
        "isn't masked by relu: where l1 was negative, nothing got through in the forward pass.": [
            [-2.75, 5.5, -1.375],
            [3.5, -7, 1.75],
        ],
        "keeps only what relu blocked: the mask is the wrong way round.": [[-0.25, 9, -2.25], [1.75, -5.5, 1.375]],
    },
}
