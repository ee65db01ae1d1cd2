"""How the network runs: eager torch, OpenVINO, CUDA graphs, and the choice of one."""
