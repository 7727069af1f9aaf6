"""The network of `batch` in four classes: layers that remember what they were given and know their own way back."""
