"""Side effects of a run: its folder, configuration, checkpoints, tables of what was predicted, and pictures.

A callback reads only the documented outputs of the steps (`callbacks.tracks.Track`, `callbacks.utterances.Clip` and
`Utterance`) and logged metrics.
"""

import lazy_loader

# `__init__.pyi` lists what the package offers; each name is imported when it is first asked for.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
