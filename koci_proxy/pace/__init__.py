"""The pace: how many calls and pictures in a time, and how many calls at once; in one process, or by Redis in many.

Windows move: a limit of 60 a minute is never passed in any 60 seconds, not even around a full minute. Where Redis does
not answer, limits hold in each process by itself until it does: a limit that is too wide for a while is better than
nobody being served. Windows in Redis go by the clocks of the processes, which have to agree to a fraction of a second;
slots go by that of Redis.
"""

from .limiter import Pace
from .rules import Rule, Standing, Taken

__all__ = ["Pace", "Rule", "Standing", "Taken"]
