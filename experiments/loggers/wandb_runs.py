"""Runs of Weights & Biases: why one does not begin, and how it ends. Nothing here loads wandb."""

from __future__ import annotations

import sys


def told_of_wandb(error: BaseException) -> str | None:
    """What to tell the user of a run that wandb does not begin; None if the error is not wandb's.

    Within a run no error of a logger gets this far: `callbacks.guards.loggers`.
    """
    if "wandb" not in sys.modules or not isinstance(error, sys.modules["wandb"].Error):
        return None
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return (
        f"Weights & Biases does not begin a run: {first.rstrip('.')}. Either log in (`wandb login`, or WANDB_API_KEY "
        "in the environment) on a machine that reaches its server, or stay offline "
        "(--trainer.logger.init_args.offline=true)"
    )


def finish_wandb(code: int) -> None:
    """End the run, if there is one, and its process, which would print how to upload it behind the result.

    Args:
        code: with which the command ends.
    """
    if (wandb := sys.modules.get("wandb")) is None:
        return
    why: dict[str, None] = {}
    for end in (wandb.finish, wandb.teardown):
        try:
            end(exit_code=code)
        except (Exception, SystemExit) as error:  # whatever becomes of it, the command has done its work
            first = (str(error).strip().splitlines() or ["no reason given"])[0]
            why[f"{type(error).__name__}: {first}"] = None
    if why:
        print(f"melisma: Weights & Biases did not end its run: {'; '.join(why)}", file=sys.stderr)
