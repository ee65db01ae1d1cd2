"""The dock "Segment nuclei"."""
