"""What well-known mistakes give on the inputs of the checks of `layers`."""

from __future__ import annotations

from data_utils.checks import Mistakes

MISTAKES: dict[str, Mistakes] = {
    "Relu": {
        "is the input itself; below 0 relu is 0.": [[-2, 0.5, 3], [1, -1, -0.5]],
        "is the absolute value; below 0 relu is 0.": [[2, 0.5, 3], [1, 1, 0.5]],
        "is the negative part; relu keeps the positive part.": [[-2, 0, 0], [0, -1, -0.5]],
        "is 1 where the input is positive; it should be the input itself there.": [[0, 1, 1], [1, 0, 0]],
    },
    "Relu back": {
        "is all of out.g: where the input was negative, nothing got through in the forward pass.": [
            [1, -2, 0.5],
            [3, -1, 2],
        ],
        "keeps only what the Relu blocked: the mask is the wrong way round.": [[1, 0, 0], [0, -1, 2]],
        "is the slope alone; where is the gradient of the output?": [[0, 1, 1], [1, 0, 0]],
        "is relu of out.g: the sign of the input decides, not the sign of the gradient.": [[1, 0, 0.5], [3, 0, 2]],
        "is out.g times out: which numbers are the slopes of relu?": [[0, -1, 1.5], [3, 0, 0]],
        "is out.g times inp: which numbers are the slopes of relu?": [[-2, -1, 1.5], [3, 1, -1]],
        "has the slope of the absolute value: is relu falling, flat or rising below 0?": [[-1, -2, 0.5], [3, 1, -2]],
        "is out itself; it should be made from out.g.": [[0, 0.5, 3], [1, 0, 0]],
    },
    "Lin": {
        "is inp times w alone; where is the bias?": [[5, 2, -1], [11, 4, -3], [17, 6, -5], [23, 8, -7]],
        "has the bias subtracted; it should be added.": [[4, 3, -1], [10, 5, -3], [16, 7, -5], [22, 9, -7]],
        "has been through relu already; in this lesson relu is a separate layer.": [
            [6, 1, 0],
            [12, 3, 0],
            [18, 5, 0],
            [24, 7, 0],
        ],
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
        "is the mean over the samples: how many samples does one bias affect?": [0, 0, 0.5],
    },
    "Mse": {
        "is 2.25, the sum; it should be the mean, 0.75.": 2.25,
        "is 0.375, half of it; there is no factor 1/2 in this loss, so it should be 0.75.": 0.375,
        "is 0.8660, the square root of it; it should be 0.75.": 0.8660,
        "is -0.1667, the mean of the differences; each is squared first, so it should be 0.75.": -0.1667,
        "is 0.8333, the mean of the absolute differences; it should be the mean of the squares, 0.75.": 0.8333,
        "is 0.0278, the square of the mean; it should be the mean of the squares, 0.75.": 0.0278,
        "is 2.4167, the mean over a difference of shape (3, 3); it should be 0.75.": 2.4167,
    },
    "Mse back": {
        "is the difference alone: which factors appear when you differentiate a mean of squares?": [1, -1, -0.5],
        "is the difference divided by N: which factor appears when you differentiate a square?": [
            0.3333,
            -0.3333,
            -0.1667,
        ],
        "is the squared difference: that is the loss of each sample, not its slope.": [1, 1, 0.25],
        "is the same for every sample, up to its sign: what became of the size of the difference?": [
            0.6667,
            -0.6667,
            -0.6667,
        ],
    },
    "Model": {
        "is 4.8125, the result without the Relu between the layers; it should be 1.125.": 4.8125,
        "is 0.8750, the result with another Relu at the end; it should be 1.125.": 0.875,
        "is 3.5625, the result with a Relu at the end and none in the middle; it should be 1.125.": 3.5625,
        "is 0.8125, the result without the biases; it should be 1.125.": 0.8125,
        "is 1.2500, the result with the two biases swapped; it should be 1.125.": 1.25,
        "is 2.8750, the result when every output is compared with every target; it should be 1.125.": 2.875,
    },
    "w1": {
        "isn't masked by the Relu: where its input was negative, nothing got through in the forward pass.": [
            [-2.75, 5.5, -1.375],
            [3.5, -7, 1.75],
        ],
        "keeps only what the Relu blocked: the mask is the wrong way round.": [[-0.25, 9, -2.25], [1.75, -5.5, 1.375]],
    },
}
