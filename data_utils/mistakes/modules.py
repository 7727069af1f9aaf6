"""What well-known mistakes give on the inputs of the checks of `modules`."""

from __future__ import annotations

from data_utils.checks import Mistakes

MISTAKES: dict[str, Mistakes] = {
    "Relu": {
        "is the absolute value; below 0 relu is 0.": [[2, 0.5, 1], [0.5, 1, 3]],
        "is 1 where the input is positive; it should be the input itself there.": [[0, 0, 1], [1, 0, 1]],
    },
    "x": {
        "is out.g unchanged: what did a nudge of x change where x was negative?": [[1, -2, 3], [-4, 5, 6]],
        "is the slope alone; the gradient that arrived in out.g is missing.": [[0, 0, 1], [1, 0, 1]],
        "keeps only what relu blocked: the mask is the wrong way round.": [[1, -2, 0], [0, 5, 0]],
        "depends on the sign of out.g; relu looked at x.": [[1, 0, 3], [0, 5, 6]],
        "is out times out.g; the slope of relu is 0 or 1.": [[0, 0, 3], [-2, 0, 18]],
    },
    "Lin": {
        "is inp times w alone; where is the bias?": [[5, 2, -1], [11, 4, -3], [17, 6, -5], [23, 8, -7]],
        "has the bias subtracted; it should be added.": [[4, 3, -1], [10, 5, -3], [16, 7, -5], [22, 9, -7]],
    },
    "w": {"is built with out where out.g belongs.": [[300, 84, -84], [360, 100, -100]]},
    "inp": {"is built with out where out.g belongs.": [[7, 13], [15, 27], [23, 41], [31, 55]]},
    "b": {
        "sums out where out.g belongs.": [60, 16, -16],
        "is the mean over the samples; their effects add up.": [0.25, -0.25, 0.75],
    },
    "Mse": {
        "is 2.875, the mean over a table of all outputs against all targets; it should be 1.125.": 2.875,
        "is 4.5, the sum; it should be the mean, 1.125.": 4.5,
        "is 0.5625, half of it; there is no factor 1/2 in this loss, so it should be 1.125.": 0.5625,
        "is 1.0607, the square root of it; it should be 1.125.": 1.0607,
    },
    "outputs": {
        "is the difference summed over a table of all outputs against all targets.": [[1], [-5], [0], [0]],
        "is the difference alone.": [[1], [-1], [-0.5], [-1.5]],
        "is twice the difference; the loss is a mean over N samples.": [[2], [-2], [-1], [-3]],
    },
    "Model": {
        "is the result without relu between the two layers; it should be 1.125.": 4.8125,
        "is the result with another relu at the end; it should be 1.125.": 0.875,
        "is the result without b1; it should be 1.125.": 3.0625,
    },
    "w1": {
        "isn't masked by relu: is every layer's backward called?": [
            [-2.75, 5.5, -1.375],
            [3.5, -7, 1.75],
        ],
        "keeps only what relu blocked.": [[-0.25, 9, -2.25], [1.75, -5.5, 1.375]],
    },
    "w2": {"is built with the input of relu, not with its output.": [[3.75], [4], [0.75]]},
}
