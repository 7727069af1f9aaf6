"""The checks and pictures of the kit's lessons, a file each."""
