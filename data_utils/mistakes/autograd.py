"""What well-known mistakes give on the inputs of the checks of `autograd`."""

from __future__ import annotations

from data_utils.checks import Mistakes

MISTAKES: dict[str, Mistakes] = {
    "Linear": {
        "is inp times w alone; where is the bias?": [[5, 2, -1], [-5, -4, -3], [-3, 1, 5], [2, -1, -4]],
        "has the bias subtracted; it is added.": [[4.5, 2.5, -3], [-5.5, -3.5, -5], [-3.5, 1.5, 3], [1.5, -0.5, -6]],
        "is cut off at 0; relu is a layer of its own.": [[5.5, 1.5, 1], [0, 0, 0], [0, 0.5, 7], [2.5, 0, 0]],
    },
    "Model": {
        "is 2.875: that is the mean over a difference of shape (4, 4). Print the shapes of both sides.": 2.875,
        "is 4.8125: that comes out without relu between the layers.": 4.8125,
        "is 0.875: that comes out with a relu after the last layer, too.": 0.875,
        "is 4.5, the sum over the samples; the mean is wanted.": 4.5,
        "is 1, the mean of the absolute differences; squares are wanted.": 1,
    },
    "gradient of w1": {
        "lets everything through relu: was relu called on the way forward?": [
            [13.5, -27.0, 6.75],
            [-6.75, 13.5, -3.375],
        ],
        "comes from a difference of shape (4, 4): is one side (N, 1) and the other (N,)?": [
            [0.25, -0.5, 0.125],
            [0.5, -1.0, 0.25],
        ],
    },
    "fit, losses": {
        "holds the losses after each step; each is wanted as it was before.": [1.44, 0.5184, 0.1866],
        "stays where it began: no step reached the parameter.": [4, 4, 4],
        "is what comes out if gradients of earlier steps are still in p.grad: they add up there.": [4, 1.44, 0.0064],
        "grows: the step goes along the gradient, and the loss falls against it.": [4, 7.84, 15.3664],
        "is added up; one loss a batch is wanted.": [4, 5.44, 5.9584],
        "is what comes out if lr is left out of the step.": [4, 196, 9604],
    },
    "fit, end": {
        "is what comes out if gradients of earlier steps are still in p.grad: they add up there.": 1.664,
        "is where one step leads; there were three batches.": 0.4,
        "is 0 still: no step reached the parameter.": 0,
    },
}
