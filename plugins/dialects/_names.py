"""What an app calls the inputs of its job, for a fault that is found once the job has left the app's own words.

The house numbers the pictures of a job (`images[0]`, `images[1]`) and calls a film `video`, wherever they stood in the
body. A dialect whose bodies have them in several places notes the places when it reads one.
"""

from __future__ import annotations

import re

from koci_proxy import fit
from koci_proxy.types import Job

_PICTURES = re.compile(r"images(?:\[([0-9]+)\])?")


def place(field: str, job: Job, dialect: str) -> str | None:
    """The place of an input that `dialect` noted; None where it noted none."""
    places = job.places if job.dialect == dialect else ()
    return dict(zip(fit.input_names(job), places, strict=False)).get(field)


def is_picture(field: str) -> bool:
    """Whether a field is one of the pictures, or all of them (`images`)."""
    return _PICTURES.fullmatch(field) is not None


def number(field: str) -> int | None:
    """Which of the pictures a field is; None for all of them and for any other field."""
    found = _PICTURES.fullmatch(field)
    return int(found[1]) if found and found[1] else None


def sized(job: Job, tier: str, ratio: str) -> str:
    """The size where a wire has a field for each of its halves: the ratio's, where nothing else was said."""
    return ratio if job.size.ratio and not job.size.tier else tier


def several(name: str, field: str, job: Job) -> str:
    """A picture in the field `name`, which holds one picture or a list of them."""
    at = number(field)
    return name if at is None or len(job.inputs) == 1 else f"{name}[{at}]"
