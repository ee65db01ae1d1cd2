"""Errors meant for the person at the keyboard.

Their text names the layer or file at fault and says what to do, so that the viewer and
the command line can show it as it is, without a traceback.
"""

from __future__ import annotations


class PMRNetError(ValueError):
    """Base of every error whose text is written for the user."""


class ImageError(PMRNetError):
    """An image that cannot be segmented as it is."""


class SoftwareError(PMRNetError):
    """A library that is missing, too old, too new or broken."""


class WeightsError(PMRNetError):
    """Weights or a model card that are missing, altered or of another network."""


class DataError(PMRNetError):
    """A data set or file whose layout or content is not what it should be."""


class TooLargeError(DataError):
    """A file that unpacks to more than the free memory."""


class EditError(PMRNetError):
    """An edit that cannot be made; the labels stay as they are."""


class JournalError(PMRNetError):
    """A review journal that cannot be read or written, or is of another image."""


class ClusterError(PMRNetError):
    """A cluster that is not there, is lost, or whose workers are not fit for work."""
