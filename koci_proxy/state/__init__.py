"""All that outlives a process stands in one SQL database: app keys and their credits, conversations, and jobs."""

from .callers import Callers
from .conversations import Conversations
from .database import Database
from .jobs import JobBook
from .ledger import Ledger

__all__ = ["Callers", "Conversations", "Database", "JobBook", "Ledger"]
