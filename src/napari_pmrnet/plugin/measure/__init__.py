"""The dock "Measure nuclei"."""
