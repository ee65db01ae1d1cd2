"""The command ``napari-pmrnet`` as ``python -m napari_pmrnet``, wherever its script is.

On Windows, and where packages are installed for one user, it often is not on the path.
"""

from __future__ import annotations

from napari_pmrnet.cli.app import main

if __name__ == "__main__":
    main()
