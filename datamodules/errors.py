"""What a user is told when data cannot be used: one message that names the file or key and what to change."""


class DataError(Exception):
    """Input that melisma refuses: an unreadable file, an impossible value, a shard that is not what its index says.

    The command line prints the message without a traceback and exits with code 1, so a message has to stand alone:
    it names the file (and line) or the key, says what is wrong, and what to do about it.
    """
