"""The dock "Train on my corrections"."""
