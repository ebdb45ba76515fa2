"""The only conductor: carries one job through its plan."""

from .conduct import Engine, Served
from .keys import Keys
from .shell import Shell

__all__ = ["Engine", "Keys", "Served", "Shell"]
