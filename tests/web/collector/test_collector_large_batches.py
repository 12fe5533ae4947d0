"""Large batches of real events, as a page sends them after hours offline: all of them get in."""

import gzip
import json

from collector_requests import HEADERS, Site, an_event, encoded

TRACE = [[number, number + 1] for number in range(300)]


def test_a_hundred_events_of_ten_kilobytes_are_taken():
    """Compressed, they are far below what a body may have."""
    site = Site()
    text = "a text, with commas, as people write them; " * 200
    body = encoded(*(an_event(data={"text": text, "list": [1, 2, 3]}) for _ in range(100)))
    answer = site.post(gzip.compress(body), {**HEADERS, "content-encoding": "gzip"})

    assert len(body) > 850_000
    assert answer.status == 200
    assert {each["status"] for each in json.loads(answer.body)["results"]} == {"accepted"}


def test_a_hundred_events_with_points_of_a_mouse_are_taken():
    """Many small lists in each."""
    site = Site()
    body = encoded(*(an_event(data={"trace": TRACE}) for _ in range(100)))
    answer = site.post(gzip.compress(body), {**HEADERS, "content-encoding": "gzip"})

    assert answer.status == 200
    assert len(site.events) == 100


def test_a_body_that_is_not_compressed_may_be_all_brackets():
    """It is small."""
    site = Site()
    body = encoded(*(an_event(data=[[]] * 300) for _ in range(60)))

    assert 50_000 < len(body) <= 65_536
    assert site.post(body).status == 200
