"""Side effects of a run: its folder, configuration, checkpoints, tables of what was predicted, and pictures.

A callback reads only what the steps return (`lightning_modules.outputs`) and the logged metrics.
"""

import lazy_loader

# `__init__.pyi` lists what the package offers; each name is imported when it is first asked for.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
