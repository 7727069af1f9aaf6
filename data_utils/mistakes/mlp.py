"""What well-known mistakes give on the inputs of the checks of `mlp`."""

from __future__ import annotations

from data_utils.checks import Mistakes

MISTAKES: dict[str, Mistakes] = {
    "sigma": {
        "is the logistic function 1/(1+exp(-s)); tanh goes from -1 to 1.": [0.1192, 0.2689, 0.5, 0.7311, 0.8808],
        "is the rectifier max(s, 0); tanh flattens on both sides.": [0.0, 0, 0, 1, 2],
    },
    "dsigma": {
        "is 0.2384, which is 1 - tanh(1); the slope of tanh there is 0.4200. Differentiate again.": [0.2384],
        "is 0.1816, the logistic function's derivative formula with tanh in it; the slope of tanh there is 0.4200.": [
            0.1816
        ],
        "is 0, which is 1 - s*s: that treats s as if it were tanh(s) already.": [0.0],
        "is 0.5878, the slope of tanh at tanh(1); the argument is already the pre-activation.": [0.5878],
    },
    "loss": {
        "is 16, the mean; it should be the sum, 160.": 16,
        "is 12.65, the distance; the loss is its square, 160.": 12.6491,
        "is 80, half of it; there is no factor 1/2 in this loss, so it should be 160.": 80,
        "is 40, the sum of the differences; each is squared first, so it should be 160.": 40,
        "is 1600, the square of the sum; it should be the sum of the squares, 160.": 1600,
    },
    "dloss": {
        "is 4 everywhere, but should be 8: what becomes of the exponent when you differentiate a square?": [4.0] * 10,
        "is -8 everywhere, but should be 8: raising v takes it further from t here, so the loss goes up.": [-8.0] * 10,
        "is 0.8 everywhere: that is the gradient of a mean, and this loss is a sum.": [0.8] * 10,
    },
    "s1": {
        "is w1 x alone; where is the bias?": [1, 1.5, -2.75],
        "is x1; check the order in which you return the five.": [0.9051, 0.4621, -0.9919],
    },
    "s2": {
        "is w2 x1 alone; where is the bias?": [-0.0529, 1.9066],
        "is the result if the second layer gets s1; it should get x1.": [-0.375, 3.5],
    },
    "x2": {"is s2 itself; the activation is missing.": [-0.0529, 1.4066]},
    "dl_db2": {
        "is the gradient for x2, one step short: the activation from s2 to x2 has a slope too.": [-1.9057, 1.7735],
        "takes the slope of the activation at x2; the input of the activation was s2.": [-1.9004, 0.8800],
    },
    "dl_dw2": {
        "is built with s1; what did w2 multiply in the forward pass?": [
            [-2.8506, -0.9502, 5.226],
            [0.5684, 0.1895, -1.042],
        ],
    },
    "dl_db1": {
        "is the gradient for x1, one step short: the activation from s1 to x1 has a slope too.": [
            -1.7109,
            2.2793,
            -1.3291,
        ],
        "takes the slope of the activation at x1; the input of the activation was s1.": [-0.8269, 1.8543, -0.5651],
        "comes from dl_dx2 where it should come from dl_ds2.": [-0.1841, 2.8935, -0.0442],
    },
    "training loss": {
        "looks as if the accumulators were never reset to zero.": [3.2819, 0.6863, 0.9681, 1.0806],
        "looks as if the accumulators were reset for every sample: only the last one counts.": [
            3.2819,
            0.7799,
            0.7972,
            0.7989,
        ],
        "looks as if the weights were updated after every sample; update them once per step.": [
            2.0686,
            0.7110,
            0.5270,
            0.4035,
        ],
        "looks as if the gradient were divided by the number of samples; eta takes care of that.": [
            3.2819,
            1.0638,
            0.6469,
            0.5265,
        ],
        "is measured after the step; it should be measured before.": [0.6863, 0.5186, 0.3470, 0.2360],
        "is the mean over the samples; it should be the sum.": [1.0940, 0.2288, 0.1729, 0.1157],
        "rises: that is a step uphill.": [3.2819, 8.1176, 8.4137, 8.8530],
        "is the result if the biases are never updated.": [3.2819, 0.5928, 0.3640, 0.2726],
    },
    "training errors": {"is the number that are right; it should be the number that are wrong.": [2, 3, 3, 3]},
}
