"""The dock "Models"."""
