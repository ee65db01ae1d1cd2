"""Widgets that all docks are made of."""
