"""Large batches of realistic events, as a page sends them after hours offline."""

import gzip
import json

from collector_requests import HEADERS, Site, an_event, encoded

TRACE = [[number, number + 1] for number in range(300)]


def test_a_hundred_events_of_ten_kilobytes_are_accepted():
    """Their compressed body is far below the limit."""
    site = Site()
    text = "a text, with commas, as people write them; " * 200
    body = encoded(*(an_event(data={"text": text, "list": [1, 2, 3]}) for _ in range(100)))
    response = site.post(gzip.compress(body), {**HEADERS, "content-encoding": "gzip"})

    assert len(body) > 850_000
    assert response.status == 200
    assert {each["status"] for each in json.loads(response.body)["results"]} == {"accepted"}


def test_a_hundred_events_with_mouse_positions_are_accepted():
    """Each has many small lists."""
    site = Site()
    body = encoded(*(an_event(data={"trace": TRACE}) for _ in range(100)))
    response = site.post(gzip.compress(body), {**HEADERS, "content-encoding": "gzip"})

    assert response.status == 200
    assert len(site.events) == 100


def test_an_uncompressed_body_may_consist_of_brackets():
    """It is small enough to be parsed."""
    site = Site()
    body = encoded(*(an_event(data=[[]] * 300) for _ in range(60)))

    assert 50_000 < len(body) <= 65_536
    assert site.post(body).status == 200
