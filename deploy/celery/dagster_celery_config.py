"""Settings of the Celery workers; the folder of this file has to be in their PYTHONPATH."""

import os

broker_url = os.environ["CELERY_BROKER_URL"]
result_backend = "rpc://"
worker_prefetch_multiplier = 1
"""A run that waits behind another in the hands of one worker could be done by an idle one."""

task_acks_late = False
"""A run whose worker died is not run again by Celery: the ledger builds its work into a new batch."""

broker_connection_retry_on_startup = True
