"""Backends of the network: eager torch, OpenVINO, CUDA graphs; the choice of one."""
