"""The dock "Segment a folder"."""
