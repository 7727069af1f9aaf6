"""The two-layer network once more: a base class remembers, and a layer writes only its mathematics."""
