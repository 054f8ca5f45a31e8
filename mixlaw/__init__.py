"""mixlaw: which proportions of which sources should a training run use, and how sure are we?

The public verbs and nouns stand in `__init__.pyi`; each is loaded when it is first used.
"""

import lazy_loader

from mixlaw.version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
