"""Celery tasks that send events, with a broker made of files."""

import os

from celery import Celery
from celery.signals import worker_process_shutdown
from sending_programs import backend

from eventtracking import tracker

folder = os.environ["BROKER_FOLDER"]
app = Celery(
    "sending_tasks",
    broker="filesystem://",
    broker_transport_options={
        "data_folder_in": folder,
        "data_folder_out": folder,
        "control_folder": f"{folder}-control",
    },
)
app.conf.update(task_ignore_result=True, worker_hijack_root_logger=False)
tracker.register_tracker(tracker.Tracker({"sink": backend(flush_interval=0.05)}))
# Before the pool forks.
tracker.emit("line.written", {"number": 0})


@worker_process_shutdown.connect
def deliver(**_):
    """Flush, as the documentation recommends for events in memory."""
    tracker.get_tracker().flush(5)


@app.task
def write(number):
    """Emit *number*."""
    tracker.emit("line.written", {"number": number})
