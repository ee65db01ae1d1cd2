"""Published data sets in their own layouts, one a file."""
