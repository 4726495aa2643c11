"""Regular expressions among a corpus' options: what names a recording's group or label."""

from __future__ import annotations

import re

from datamodules.errors import DataError


def compiled(pattern: str | None, corpus: str, key: str) -> re.Pattern[str] | None:
    """Compile the option `key` of a corpus.

    Raises:
        DataError: it is not a regular expression with a group.
    """
    if pattern is None:
        return None
    try:
        made = re.compile(pattern)
    except re.error as error:
        raise DataError(f"{corpus}: {key} = {pattern!r}: not a regular expression: {error}") from error
    if not made.groups:
        raise DataError(f"{corpus}: {key} = {pattern!r}: put parentheses around what names the {key.split('_')[0]}")
    return made


def first_group(text: str, pattern: re.Pattern[str], key: str, name: str) -> str:
    """What the pattern's first group finds in a text.

    Args:
        text: a recording's id or path.
        pattern: searched in it.
        key: the option that the pattern is, for the message.
        name: the recording's id, for the message.

    Raises:
        DataError: the pattern does not match, or its first group is empty.
    """
    match = pattern.search(text)
    if match is None or not match[1]:
        place = "its id" if text == name else repr(text)
        raise DataError(f"recording {name!r}: {key} = {pattern.pattern!r} finds no {key.split('_')[0]} in {place}")
    return match[1]
