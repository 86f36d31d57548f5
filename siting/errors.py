"""Errors that `siting` raises on purpose; every one is a `SitingError`.

The message says what is wrong, with the value, then what to do. Messages about
the user's own files are in French, since the command line shows them as they are.
"""

from __future__ import annotations


class SitingError(Exception):
    """Root of the errors of this package."""


class DataError(SitingError, ValueError):
    """A file or a table cannot be used; one bad row is never an error."""


class OptionError(DataError):
    """An option has a value that means nothing: unknown call, walker, département..."""


class CrsError(DataError):
    """A layer has no CRS, or one in which the question makes no sense."""


class NetworkError(DataError):
    """The walking network cannot be built or used."""


class OutputError(SitingError, OSError):
    """The results cannot be written where they were asked for."""


class SourceError(SitingError):
    """
    A service outside of this computer did not give a usable answer.

    Parameters
    ----------
    message
        What happened and what to do, in French.
    url
        Address asked, without credentials.
    status
        HTTP status, when there was an answer.
    """

    def __init__(self, message: str, *, url: str, status: int | None = None) -> None:
        super().__init__(message)
        self.url = url
        self.status = status


class RateLimited(SourceError):
    """The service asks to slow down; `retry_after_s` is its own figure, if it gave one."""

    def __init__(
        self,
        message: str,
        *,
        url: str,
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, url=url, status=status)
        self.retry_after_s = retry_after_s


class SourceUnavailable(SourceError, OSError):
    """The service does not answer, after bounded retries."""


class BadAnswer(SourceError):
    """The service answered something that is not what it documents."""


class NotAsked(SourceError):
    """Nobody was asked: there is no geocoder, and the journal has no answer."""
