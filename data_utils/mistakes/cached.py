"""What well-known mistakes give on the inputs of the checks of `cached`."""

from __future__ import annotations

from data_utils.checks import Mistakes

MISTAKES: dict[str, Mistakes] = {
    "loss": {
        "is 1.74, the sum; it should be the mean, 0.58.": 1.74,
        "is 0.29, half of it; there is no factor 1/2 in this loss, so it should be 0.58.": 0.29,
        "is 0.7616, the square root of it; it should be 0.58.": 0.7616,
        "is -0.4, the mean of the differences; each is squared first, so it should be 0.58.": -0.4,
        "is 0.7333, the mean of the absolute differences; it should be the mean of the squares, 0.58.": 0.7333,
        "is 0.16, the square of the mean; it should be the mean of the squares, 0.58.": 0.16,
    },
    "pred": {
        "is the difference itself; what is it multiplied by, and what is it divided by?": [0.5, -0.7, -1],
        "holds the squares; the slope of a square is something else.": [0.25, 0.49, 1],
        "holds only signs; that is the slope of an absolute value.": [1 / 3, -1 / 3, -1 / 3],
    },
    "relu": {
        "is the absolute value; below 0 relu is 0.": [1.5, 0, 2, 0.5],
        "is the negative part; relu keeps the positive part.": [-1.5, 0, 0, 0],
        "is 1 where the input is positive; it should be the input itself there.": [0, 0, 1, 1],
        "is the input unchanged; below 0 relu is 0.": [-1.5, 0, 2, 0.5],
    },
    "inp of relu": {
        "lets the gradient through at exactly 0; in this lesson the slope there is 0.": [0, 3, 7, -2],
        "is 1 where the input was positive; the incoming gradient is missing.": [0, 0, 1, 1],
        "is 1 where the input was positive or 0; the incoming gradient is missing.": [0, 1, 1, 1],
        "passes the whole gradient; where the input was negative, relu blocks it.": [5, 3, 7, -2],
        "keeps only what relu blocked: the mask is the wrong way round.": [5, 0, 0, 0],
        "keeps what relu blocked, and the gradient at 0: the mask is the wrong way round.": [5, 3, 0, 0],
        "looks at the sign of the gradient; the sign of the input is what decides.": [5, 3, 7, 0],
        "is multiplied by the input itself; what is the slope of relu there?": [0, 0, 14, -1],
    },
    "out of linear": {
        "is inp times W alone; where is the bias?": [[5, 2, -1], [-5, -4, -3]],
        "has the bias subtracted; it should be added.": [[4, 0, -4], [-5, -5, -5]],
    },
    "b": {
        "is summed over the samples; here each sample has a bias of its own.": [[3, 0, 5], [3, 0, 5]],
        "is the mean over the samples; here each sample has a bias of its own.": [[1.5, 0, 2.5], [1.5, 0, 2.5]],
        "is the output itself; it should be the gradient of the output.": [[6, 4, 2], [-5, -3, -1]],
    },
    "W": {
        "is built with the output where the gradient of the output belongs.": [[-9, -5, -1], [32, 20, 8]],
        "is built from one sample alone.": [[1, -2, 3], [2, -4, 6]],
    },
    "inp of linear": {
        "is built with the output where the gradient of the output belongs.": [[4, 16], [-4, -13]],
    },
}
