"""
The two ways in which uWSGI differs from other servers.

It forks its workers in C, and by default without calling the hooks of `os.register_at_fork`.
Open edX and others run under it, often without `lazy-apps`, so that the application is
imported before the fork.
"""

from __future__ import annotations

import sys
from typing import Any


def hides_forks() -> bool:
    """Return whether this process may be forked without a call of Python's hooks."""
    return "uwsgi" in sys.modules


def is_before_fork() -> bool:
    """
    Return whether this is the master process, which imports the application before it forks.

    It forks without holding the global interpreter lock. If a thread has the lock at that
    moment, it is never released in the children. So no thread may be started before the fork.
    """
    uwsgi: Any = sys.modules.get("uwsgi")
    if uwsgi is None or not hasattr(uwsgi, "worker_id"):
        return False
    is_child = uwsgi.worker_id() or uwsgi.mule_id() or uwsgi.i_am_the_spooler()
    return not is_child
