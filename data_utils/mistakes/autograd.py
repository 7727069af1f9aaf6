"""What well-known mistakes give on the inputs of the checks of `autograd`."""

from __future__ import annotations

from data_utils.checks import Mistakes

MISTAKES: dict[str, Mistakes] = {
    "Linear": {
        "is inp times w alone; where is the bias?": [[5, 2, -1], [-5, -4, -3], [-3, 1, 5], [2, -1, -4]],
        "has the bias subtracted; it should be added.": [
            [4.5, 2.5, -3],
            [-5.5, -3.5, -5],
            [-3.5, 1.5, 3],
            [1.5, -0.5, -6],
        ],
        "is cut off at 0; relu is a separate layer.": [[5.5, 1.5, 1], [0, 0, 0], [0, 0.5, 7], [2.5, 0, 0]],
    },
    "Model": {
        "is 2.875: that is the mean over a difference of shape (4, 4). Print the shapes of both sides.": 2.875,
        "is 4.8125: that is the result without relu between the layers.": 4.8125,
        "is 0.875: that is the result with another relu after the last layer.": 0.875,
        "is 4.5, the sum over the samples; it should be the mean.": 4.5,
        "is 1, the mean of the absolute differences; it should be the mean of the squares.": 1,
    },
    "gradient of w1": {
        "isn't masked by relu: was relu called in the forward pass?": [
            [13.5, -27.0, 6.75],
            [-6.75, 13.5, -3.375],
        ],
        "comes from a difference of shape (4, 4): is one side (N, 1) and the other (N,)?": [
            [0.25, -0.5, 0.125],
            [0.5, -1.0, 0.25],
        ],
    },
    "fit, losses": {
        "holds the losses after each step; it should hold the losses before each step.": [1.44, 0.5184, 0.1866],
        "stays where it began: no step reached the parameter.": [4, 4, 4],
        "is the result if p.grad still holds the gradients of earlier steps: they add up there.": [4, 1.44, 0.0064],
        "grows: the step follows the gradient, but the loss falls against it.": [4, 7.84, 15.3664],
        "is a running sum; it should be one loss per batch.": [4, 5.44, 5.9584],
        "is the result if lr is left out of the step.": [4, 196, 9604],
    },
    "fit, end": {
        "is the result if p.grad still holds the gradients of earlier steps: they add up there.": 1.664,
        "is where a single step leads; there were three batches.": 0.4,
        "is still 0: no step reached the parameter.": 0,
    },
}
