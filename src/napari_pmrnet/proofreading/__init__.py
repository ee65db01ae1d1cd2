"""Correcting labels: edits, suggestions, measurements, journal; no napari, no Qt."""
