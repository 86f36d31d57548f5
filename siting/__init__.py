"""Judge where inclusive housing should go: geocoding, walking access, communes, calls, maps.

Import the module you need, for instance ``from siting import study``; nothing heavy is
loaded before.
"""

from importlib.metadata import version

__version__ = version("siting")
