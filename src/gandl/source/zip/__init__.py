"""zip: image archives of millions of members. Takes an archive on disk or on a server, makes a table of its members (ZIP64)
and the bytes of those that are requested, neighbours in one request.
"""

__all__ = ["archive", "directory", "members"]
