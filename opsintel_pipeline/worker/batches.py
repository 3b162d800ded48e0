"""Batches of questions to models, beside the worker's loop: whatever is due of them is done, again and again."""

from __future__ import annotations

import logging
import threading

import psycopg

from opsintel.context import Context
from opsintel.llm.batch.run import advance
from opsintel_pipeline.worker.stages import STAGE_FAULTS, describe

logger = logging.getLogger(__name__)

IDLE_SECONDS = 5.0


def run(context: Context, stop: threading.Event) -> None:
    """Form, send and collect batches until `stop` is set; a batch that fails is tried again after its lease."""
    while not stop.is_set():
        try:
            advance(context)
        except (psycopg.Error, *STAGE_FAULTS) as error:
            logger.warning("batches wait: %s", describe(error, context.settings))
        stop.wait(IDLE_SECONDS)
