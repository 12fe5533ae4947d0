"""Page views, also of pages that change without being loaded."""

from page_scripts import READY


def views(site):
    return [
        (event["page"].removeprefix(site.url), event["data"])
        for event in site.events.values()
        if event["name"] == "page_view"
    ]


def paths(site):
    return [path for path, _ in views(site)]


def test_pages_are_told_of_only_where_it_is_asked_for(browser, site):
    """Views are off by default, wherever the page goes."""
    with browser.page(site.page()) as page:
        page.wait_for(READY)
        page.evaluate("history.pushState({}, '', '/two')")
        page.evaluate("eventtracking.emit('only')")

    assert site.names() == ["only"]


def test_a_view_has_the_title_and_where_the_visitor_came_from(browser, site):
    """As Google Analytics' page_view wants them."""
    site.page("/two", page_views="on", title="Two & two")
    with browser.page(site.page("/one", page_views="on", title="One")) as page:
        site.wait_for("page_view")
        page.evaluate("location.href = '/two'")
        site.wait(lambda here: len(views(here)) == 2)

    assert views(site) == [
        ("/one", {"title": "One", "referrer": ""}),
        ("/two", {"title": "Two & two", "referrer": f"{site.url}/one"}),
    ]


def test_a_router_that_changes_the_address_shows_new_pages(browser, site):
    """With the title that it gives the page afterwards, and back again."""
    with browser.page(site.page("/one", page_views="on", title="One")) as page:
        page.wait_for(READY)
        page.evaluate("history.pushState({}, '', '/two?x=1'), document.title = 'Two', 1")
        site.wait(lambda here: len(views(here)) == 2)
        page.evaluate("history.back()")
        site.wait(lambda here: len(views(here)) == 3)

    assert views(site) == [
        ("/one", {"title": "One", "referrer": ""}),
        ("/two?x=1", {"title": "Two", "referrer": f"{site.url}/one"}),
        ("/one", {"title": "Two", "referrer": f"{site.url}/two?x=1"}),
    ]


def test_the_same_address_is_no_new_page(browser, site):
    """Nor is a place on the page, or an address that is only replaced."""
    with browser.page(site.page("/one", page_views="on")) as page:
        page.wait_for(READY)
        for change in (
            "history.pushState({}, '', '/one')",
            "history.pushState({}, '', '#part')",
            "location.hash = 'other'",
            "history.replaceState({}, '', '/replaced')",
        ):
            page.evaluate(f"{change}, new Promise((resolve) => setTimeout(resolve))")
        page.evaluate("history.pushState({}, '', '/two')")
        site.wait(lambda here: len(views(here)) == 2)

    assert paths(site) == ["/one", "/two"]


def test_routers_that_write_behind_the_hash_or_replace_can_be_followed(browser, site):
    """Each is a word more."""
    with browser.page(site.page("/one", page_views="on hash replace")) as page:
        page.wait_for(READY)
        for number, change in enumerate(
            ("location.hash = '#/two'", "history.replaceState({}, '', '/three')"), 2
        ):
            page.evaluate(change)
            site.wait(lambda here, number=number: len(views(here)) == number)

    assert paths(site) == ["/one", "/one#/two", "/three"]


def test_a_page_can_tell_of_itself(browser, site):
    """With properties of its own, and then not again by itself."""
    with browser.page(site.page("/one", page_views="on")) as page:
        site.wait_for("page_view")
        page.evaluate(
            "history.pushState({}, '', '/two'), eventtracking.page({ title: 'Mine', n: 1 })"
        )
        page.evaluate("history.pushState({}, '', '/three')")
        site.wait(lambda here: len(views(here)) == 3)

    assert paths(site) == ["/one", "/two", "/three"]
    assert views(site)[1][1] == {"title": "Mine", "referrer": f"{site.url}/one", "n": 1}


def test_a_page_that_was_left_at_once_was_seen(browser, site):
    """The router had no time to give it a title."""
    site.page("/next")
    with browser.page(site.page("/one", page_views="on")) as page:
        site.wait_for("page_view")
        page.evaluate("history.pushState({}, '', '/two'), location.href = '/next', 1")
        site.wait(lambda here: len(views(here)) == 2)

    assert paths(site) == ["/one", "/two"]
