"""Which version this is."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("thera")
except PackageNotFoundError:  # a bare checkout
    VERSION = "0.0.0"
