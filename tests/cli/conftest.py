"""Trees of published data sets, and images for a batch."""

from published_trees import any_tree, draw, tree

from ..batch.conftest import core, folder

__all__ = ["any_tree", "core", "draw", "folder", "tree"]
