"""Prices are what a job costs an app, in thousandths of a credit: whole numbers, so that no sum ever loses a crumb.

`of` is the most that a job can come to, which is held before a vendor is called; `came` is what is charged for what was
delivered, and never more than `of`.
"""

from .amounts import show
from .price import Case, Condition, Price, by_second, turned
from .reading import parse
from .sums import came, of

__all__ = ["Case", "Condition", "Price", "by_second", "came", "of", "parse", "show", "turned"]
