"""What well-known mistakes give on the inputs of the checks of `layers`."""

from __future__ import annotations

from data_utils.checks import Mistakes

MISTAKES: dict[str, Mistakes] = {
    "Relu": {
        "is the input itself; below 0 relu is 0.": [[-2, 0.5, 3], [1, -1, -0.5]],
        "is the absolute value; below 0 relu is 0.": [[2, 0.5, 3], [1, 1, 0.5]],
        "is the negative part; it is the positive one that passes.": [[-2, 0, 0], [0, -1, -0.5]],
        "is 1 where the input is positive; let the input itself pass there.": [[0, 1, 1], [1, 0, 0]],
    },
    "Relu back": {
        "is all of out.g: where the input was negative, nothing came through on the way forward.": [
            [1, -2, 0.5],
            [3, -1, 2],
        ],
        "has only what the Relu stopped: the mask is the wrong way round.": [[1, 0, 0], [0, -1, 2]],
        "is the slope alone; where is the gradient that reached out?": [[0, 1, 1], [1, 0, 0]],
        "is relu of out.g: it is the input that opens a gate, not the gradient.": [[1, 0, 0.5], [3, 0, 2]],
        "is out.g times out: which numbers are the slopes of relu?": [[0, -1, 1.5], [3, 0, 0]],
        "is out.g times inp: which numbers are the slopes of relu?": [[-2, -1, 1.5], [3, 1, -1]],
        "has the slope of the absolute value: is relu falling, flat or rising below 0?": [[-1, -2, 0.5], [3, 1, -2]],
        "is out itself, and out.g is wanted in it.": [[0, 0.5, 3], [1, 0, 0]],
    },
    "Lin": {
        "is inp times w alone; where is the bias?": [[5, 2, -1], [11, 4, -3], [17, 6, -5], [23, 8, -7]],
        "has the bias subtracted; it is added.": [[4, 3, -1], [10, 5, -3], [16, 7, -5], [22, 9, -7]],
        "has been through relu already; in this lesson that is a layer of its own.": [
            [6, 1, 0],
            [12, 3, 0],
            [18, 5, 0],
            [24, 7, 0],
        ],
    },
    "w": {
        "is built with out where out.g belongs.": [[300, 84, -84], [360, 100, -100]],
        "is summed up over its rows, too.": [[0, 0, 22], [0, 0, 22]],
    },
    "inp": {
        "is built with out where out.g belongs.": [[7, 13], [15, 27], [23, 41], [31, 55]],
    },
    "b": {
        "adds up out where out.g belongs.": [60, 16, -16],
        "is the mean over the samples: how many ways lead from one bias to the loss?": [0, 0, 0.5],
    },
    "Mse": {
        "is 2.25, the sum; the mean, 0.75, is wanted.": 2.25,
        "is 0.375, half of it; there is no factor 1/2 in this loss, and 0.75 is wanted.": 0.375,
        "is 0.8660, the square root of it; 0.75 is wanted.": 0.8660,
        "is -0.1667, the mean of the differences; each is squared first, and 0.75 is wanted.": -0.1667,
        "is 0.8333, the mean of the absolute differences; squares are wanted, and 0.75.": 0.8333,
        "is 0.0278, the square of the mean; the mean of the squares, 0.75, is wanted.": 0.0278,
        "is 2.4167, the mean over a difference of shape (3, 3); 0.75 is wanted.": 2.4167,
    },
    "Mse back": {
        "is the difference alone: which factors does the derivative of a mean of squares bring?": [1, -1, -0.5],
        "is the difference divided by N: what does the derivative of a square bring?": [0.3333, -0.3333, -0.1667],
        "is the squared difference: that is the loss of each sample, not its slope.": [1, 1, 0.25],
        "is the same for every sample, up to its sign: what became of the size of the difference?": [
            0.6667,
            -0.6667,
            -0.6667,
        ],
    },
    "Model": {
        "is 4.8125, what comes out without the Relu between the layers; 1.125 is wanted.": 4.8125,
        "is 0.8750, what comes out with a Relu at the end, too; 1.125 is wanted.": 0.875,
        "is 3.5625, what comes out with a Relu at the end and none in the middle; 1.125 is wanted.": 3.5625,
        "is 0.8125, what comes out without the biases; 1.125 is wanted.": 0.8125,
        "is 1.2500, what comes out with the two biases exchanged; 1.125 is wanted.": 1.25,
        "is 2.8750, what comes out when every output is held against every target; 1.125 is wanted.": 2.875,
    },
    "w1": {
        "lets everything through the Relu: where its input was negative, nothing came through on the way forward.": [
            [-2.75, 5.5, -1.375],
            [3.5, -7, 1.75],
        ],
        "has only what the Relu stopped: the mask is the wrong way round.": [[-0.25, 9, -2.25], [1.75, -5.5, 1.375]],
    },
}
