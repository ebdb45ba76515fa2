"""The only conductor: carries one job through its plan."""

from .conduct import Engine, Planned, Served
from .diary import Diary, Past
from .keys import Keys
from .shell import Shell

__all__ = ["Diary", "Engine", "Keys", "Past", "Planned", "Served", "Shell"]
