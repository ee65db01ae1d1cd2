"""Between napari layers and arrays."""
