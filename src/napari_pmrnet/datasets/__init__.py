"""Readers of data sets, one layout on disk each, all giving image and labels."""
