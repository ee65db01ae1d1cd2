"""Hooks of mkdocs: links from the documentation to other files of the checkout.

On the site they lead to the repository. One to a file that is not there is a warning,
which ``mkdocs build --strict`` takes for an error.
"""

from __future__ import annotations

import logging
import posixpath
import re
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[2]
LINK = re.compile(r"(?<=\]\()(\.\./[^)\s#]+)")
logger = logging.getLogger("mkdocs.hooks.links")


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Point links that leave the documentation at the repository."""
    folder = posixpath.join("docs", posixpath.dirname(page.file.src_uri))

    def whole(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, link[1]))
        if path.startswith("docs/"):
            return link[1]
        if not (CHECKOUT / path).exists():
            logger.warning("%s: there is no %s", page.file.src_uri, path)
        kind = "tree" if (CHECKOUT / path).is_dir() else "blob"
        return f"{config.repo_url}/{kind}/main/{path}"

    return LINK.sub(whole, markdown)
