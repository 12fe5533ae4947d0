"""
Event tracking that a Python program embeds: one `emit()`, every destination.

Application code imports the tracker module and emits events:

    from eventtracking import tracker

    tracker.emit("edx.course.enrollment.activated", {"course_id": "course-v1:a+b+c"})

This package imports nothing by itself: importing one module costs that module only.
"""

__version__ = "1.0.0"
