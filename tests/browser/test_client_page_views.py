"""Page views, including those of single-page applications."""

from page_scripts import READY


def page_views(site):
    return [
        (event["page"].removeprefix(site.url), event["data"])
        for event in site.events.values()
        if event["name"] == "page_view"
    ]


def paths(site):
    return [path for path, _ in page_views(site)]


def test_page_views_are_off_by_default(browser, site):
    """Even if the address changes."""
    with browser.page(site.add_page()) as page:
        page.wait_for(READY)
        page.evaluate("history.pushState({}, '', '/two')")
        page.evaluate("eventtracking.emit('only')")

    assert site.names() == ["only"]


def test_a_page_view_has_the_title_and_the_referrer(browser, site):
    """As in the `page_view` of Google Analytics."""
    site.add_page("/two", page_views="on", title="Two & two")
    with browser.page(site.add_page("/one", page_views="on", title="One")) as page:
        site.wait_for("page_view")
        page.evaluate("location.href = '/two'")
        site.wait_until(lambda: len(page_views(site)) == 2)

    assert page_views(site) == [
        ("/one", {"title": "One", "referrer": ""}),
        ("/two", {"title": "Two & two", "referrer": f"{site.url}/one"}),
    ]


def test_a_router_that_changes_the_address_causes_page_views(browser, site):
    """With the title that the router sets afterwards, and for the back button too."""
    with browser.page(site.add_page("/one", page_views="on", title="One")) as page:
        page.wait_for(READY)
        page.evaluate("history.pushState({}, '', '/two?x=1'), document.title = 'Two', 1")
        site.wait_until(lambda: len(page_views(site)) == 2)
        page.evaluate("history.back()")
        site.wait_until(lambda: len(page_views(site)) == 3)

    assert page_views(site) == [
        ("/one", {"title": "One", "referrer": ""}),
        ("/two?x=1", {"title": "Two", "referrer": f"{site.url}/one"}),
        ("/one", {"title": "Two", "referrer": f"{site.url}/two?x=1"}),
    ]


def test_the_same_address_causes_no_page_view(browser, site):
    """A new fragment or a replaced address does not either."""
    with browser.page(site.add_page("/one", page_views="on")) as page:
        page.wait_for(READY)
        for change in (
            "history.pushState({}, '', '/one')",
            "history.pushState({}, '', '#part')",
            "location.hash = 'other'",
            "history.replaceState({}, '', '/replaced')",
        ):
            page.evaluate(f"{change}, new Promise((resolve) => setTimeout(resolve))")
        page.evaluate("history.pushState({}, '', '/two')")
        site.wait_until(lambda: len(page_views(site)) == 2)

    assert paths(site) == ["/one", "/two"]


def test_the_option_can_include_fragments_and_replaced_addresses(browser, site):
    """With the words `hash` and `replace`."""
    with browser.page(site.add_page("/one", page_views="on hash replace")) as page:
        page.wait_for(READY)
        for number, change in enumerate(
            ("location.hash = '#/two'", "history.replaceState({}, '', '/three')"), 2
        ):
            page.evaluate(change)
            site.wait_until(lambda number=number: len(page_views(site)) == number)

    assert paths(site) == ["/one", "/one#/two", "/three"]


def test_a_page_can_emit_its_page_view_itself(browser, site):
    """With more properties; the automatic page view is then left out."""
    with browser.page(site.add_page("/one", page_views="on")) as page:
        site.wait_for("page_view")
        page.evaluate(
            "history.pushState({}, '', '/two'), eventtracking.page({ title: 'Mine', n: 1 })"
        )
        page.evaluate("history.pushState({}, '', '/three')")
        site.wait_until(lambda: len(page_views(site)) == 3)

    assert paths(site) == ["/one", "/two", "/three"]
    assert page_views(site)[1][1] == {"title": "Mine", "referrer": f"{site.url}/one", "n": 1}


def test_an_address_that_is_left_at_once_causes_a_page_view(browser, site):
    """Even before the router could set a title."""
    site.add_page("/next")
    with browser.page(site.add_page("/one", page_views="on")) as page:
        site.wait_for("page_view")
        page.evaluate("history.pushState({}, '', '/two'), location.href = '/next', 1")
        site.wait_until(lambda: len(page_views(site)) == 2)

    assert paths(site) == ["/one", "/two"]
