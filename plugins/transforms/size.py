"""The size transform: before each target, a job gets the size that target makes and keeps only the fields it takes."""

from __future__ import annotations

from dataclasses import replace

from koci_proxy import sizes
from koci_proxy.fit import fit
from koci_proxy.types import Job, Target


class Plugin:
    def on_target(self, job: Job, target: Target, policy: sizes.Policy) -> Job:
        """The job for this target; notes say what was renamed, bent, defaulted or left out."""
        fitted = fit(job, target.card, policy)
        resolved = sizes.resolve(job.size, target.card.size, policy)
        if resolved.size == fitted.size and not resolved.notes:
            return fitted
        return replace(fitted, size=resolved.size, notes=(*fitted.notes, *resolved.notes))
