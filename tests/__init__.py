"""Tests of the kit. The hidden tests of the assignments stand in autograder/assignments/."""
