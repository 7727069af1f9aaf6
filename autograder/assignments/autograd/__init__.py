"""Hidden tests of `autograd`: torch finds the gradients, layers are nn.Modules, and one of them is trained."""
