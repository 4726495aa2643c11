"""Decoders: from the outputs of a network to f0, symbols or words."""

import lazy_loader

# `__init__.pyi` lists what the package offers; each name is imported when it is first asked for.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
