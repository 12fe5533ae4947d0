"""An ASGI application that emits events, with and without the middleware around it."""

import asyncio

import tracking

from eventtracking import settings
from eventtracking.tracker import emit
from eventtracking.web.asgi import TrackMiddleware

settings.configure(
    {
        "EVENT_TRACKING_PROCESSORS": tracking.PROCESSORS,
        "EVENT_TRACKING_BACKENDS": tracking.backends(),
    }
)

LEFT_RUNNING = set()
RELEASED = asyncio.Event()


async def site(scope, receive, send):
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "websocket":
        await chat(scope, receive, send)
    else:
        await page(scope, receive, send)


async def lifespan(receive, send):
    while (message := await receive())["type"] != "lifespan.shutdown":
        emit(message["type"], {"of": "lifespan"})
        await send({"type": "lifespan.startup.complete"})
    emit("lifespan.shutdown", {"of": "lifespan"})
    await send({"type": "lifespan.shutdown.complete"})


async def chat(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        emit("message", {"of": scope["path"], "text": message["text"]})
        await send({"type": "websocket.send", "text": message["text"]})
    emit("closed", {"of": scope["path"]})


async def page(scope, receive, send):
    path = scope["path"]
    emit("page", {"of": path})
    await asyncio.sleep(0)
    await asyncio.gather(child(path), asyncio.to_thread(emit, "thread", {"of": path}))
    if path.startswith("/boom"):
        raise RuntimeError(path)
    if path.startswith("/left"):
        LEFT_RUNNING.add(asyncio.create_task(worker(path)))
    if path.startswith("/release"):
        RELEASED.set()
        await asyncio.gather(*LEFT_RUNNING)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    try:
        for index in range(3):
            emit("part", {"of": path, "index": index})
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
            await asyncio.sleep(0)
        if path.startswith("/endless"):
            while (await receive())["type"] != "http.disconnect":
                pass
        await send({"type": "http.response.body", "body": b""})
    finally:
        emit("closed", {"of": path})


async def child(path):
    await asyncio.sleep(0)
    emit("task", {"of": path})


async def worker(path):
    emit("started", {"of": path})
    await RELEASED.wait()
    emit("outlived", {"of": path})


tracked = TrackMiddleware(
    site,
    session=lambda scope: dict(scope["headers"]).get(b"x-session", b"").decode(),
    user=lambda scope: (dict(scope["headers"]).get(b"x-user", b"").decode(),) * 2,
)


async def asgi_application(scope, receive, send):
    is_tracked = not scope.get("path", "").startswith("/untracked")
    await (tracked if is_tracked else site)(scope, receive, send)
