"""Other programs that are timed beside ours where they are installed.

None of them is needed: each is imported when it is built.
"""

from __future__ import annotations

from napari_pmrnet.benchmark.peers import cellpose, instanseg, stardist

PEERS = (*stardist.PEERS, *cellpose.PEERS, *instanseg.PEERS)
