"""Messages of other libraries that tell our users nothing: each is named here, with the reason."""

from __future__ import annotations

import logging
import os
import warnings

WARNINGS = {
    # Lightning 2.6 under torch 2.11: it computes the FLOPs of its model summary in a way that torch will drop.
    ".*LeafSpec.*",
    # tqdm in a notebook without ipywidgets, which draws its bars as text then.
    ".*IProgress not found.*",
    # The package `sweeps` 0.3 speaks of an option by the name that it had in pydantic 1.
    "Valid config keys have changed in V2",
}
LOGGED = (
    "💡 Tip:",  # advertises Lightning's services
    "TPU available: False",
)


def silence() -> None:
    """Leave them out from now on, in this process and in those that it starts."""
    for message in WARNINGS:
        warnings.filterwarnings("ignore", message=message)
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(_is_wanted)
    # A history of every metric as bars, printed behind the result, and how to send an offline run to W&B's servers.
    os.environ.setdefault("WANDB_QUIET", "true")


def _is_wanted(record: logging.LogRecord) -> bool:
    return not record.getMessage().startswith(LOGGED)
