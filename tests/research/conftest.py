"""Trees of published data sets."""

from published_trees import any_tree, draw, tree

__all__ = ["any_tree", "draw", "tree"]
