"""Scores of a segmentation against its truth."""
