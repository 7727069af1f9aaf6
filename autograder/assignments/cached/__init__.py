"""Layers on a base class that remembers: `cache` and `get`, a bias for each sample, and a model that is a layer."""
