"""Targets, augmentation, loss and the training loop. Nothing here is needed in use."""
