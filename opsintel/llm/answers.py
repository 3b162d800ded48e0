"""Where answers of models are kept for a day (opsintel_pipeline/llm/kept.py), and how a tenant's are forgotten."""

from __future__ import annotations

import shutil
from pathlib import Path
from uuid import UUID

from opsintel.settings import Settings


def answers_folder(settings: Settings) -> Path:
    """Return the folder of this machine's answers; each tenant has one below it."""
    return settings.data_dir / "llm-answers"


def forget_answers(settings: Settings, tenant_id: UUID) -> None:
    """Remove all answers about a tenant's messages; a call that they were for is made, and paid for, anew."""
    shutil.rmtree(answers_folder(settings) / str(tenant_id), ignore_errors=True)
