"""All that knows napari or Qt: the dock, layer building, reader, writer, samples."""
