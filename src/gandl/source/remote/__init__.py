"""remote: files elsewhere. Takes an official address or a mirror, makes a checked file, or bytes of a part of one; interrupted
transfers resume where they stopped.
"""

__all__ = [
    "addresses",
    "copies",
    "datasets",
    "download",
    "member_source",
    "mirrors",
    "origin",
    "ranges",
    "retries",
    "transfer",
    "web",
]
