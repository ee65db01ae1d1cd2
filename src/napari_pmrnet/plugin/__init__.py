"""Everything that knows napari or Qt: docks, layers, reader, writer, samples."""
