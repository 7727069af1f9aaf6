"""What `autograder new` starts from: a small assignment that vets, to be rewritten piece by piece."""
