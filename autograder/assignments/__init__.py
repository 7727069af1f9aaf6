"""The hidden tests: one folder an assignment. None of it is visible where student code runs."""
