"""Serve a site on a socket that is already listening: `python run_server.py KIND SITE FD`."""

import importlib
import os
import signal
import socket
import sys
import threading


def main(kind, site, fd):
    {
        "wsgiref": wsgiref,
        "django": django,
        "gunicorn-sync": gunicorn,
        "gunicorn-gthread": gunicorn,
        "uvicorn": uvicorn,
    }[kind](site, fd, kind)


def wsgiref(site, fd, kind):
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

    serve(WSGIServer(("127.0.0.1", 0), WSGIRequestHandler, bind_and_activate=False), site, fd)


def django(site, fd, kind):
    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler

    server = ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler, bind_and_activate=False)
    # The server must finish its requests before it ends: the tests count their events.
    server.daemon_threads = False
    serve(server, site, fd)


def serve(server, site, fd):
    server.socket = socket.socket(fileno=fd)
    server.server_address = server.socket.getsockname()
    server.server_name = "localhost"
    server.server_port = server.server_address[1]
    server.setup_environ()
    server.set_app(importlib.import_module(site).application)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=0.05)
    server.server_close()


def gunicorn(site, fd, kind):
    worker = kind.removeprefix("gunicorn-")
    options = ["--bind", f"fd://{fd}", "--worker-class", worker, "--workers", "2"]
    options += ["--threads", "8"] if worker == "gthread" else []
    options += ["--no-control-socket"] if has_control_socket() else []
    # Gunicorn takes the place of this process, so that it gets the signals.
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", *options, f"{site}:application"])


def has_control_socket():
    from gunicorn.config import KNOWN_SETTINGS

    return any(setting.name == "control_socket_disable" for setting in KNOWN_SETTINGS)


def uvicorn(site, fd, kind):
    import uvicorn

    app = importlib.import_module(site).asgi_application
    config = uvicorn.Config(app, log_level="error", lifespan="auto", proxy_headers=False)
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=fd)])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
