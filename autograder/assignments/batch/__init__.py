"""A two-layer network on whole batches, its gradients stored on the tensors as `.g`."""
