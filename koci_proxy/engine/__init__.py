"""The only conductor: carries one job through its plan."""

from .conduct import Engine, Planned, Served
from .diary import Diary, Early, Past
from .keys import Keys
from .shell import Shell

__all__ = ["Diary", "Early", "Engine", "Keys", "Past", "Planned", "Served", "Shell"]
