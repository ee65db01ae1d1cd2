"""Models written for other programs: ONNX, bioimage.io, archives."""
