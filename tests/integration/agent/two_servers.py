"""Two uvicorn servers in one process, each in a thread and an event loop of its own."""

import sys
import threading

import uvicorn
from app import app  # type: ignore[import-not-found]

ports = [int(port) for port in sys.argv[1:]]
servers = [uvicorn.Server(uvicorn.Config(app, port=port, lifespan="off")) for port in ports]
threads = [threading.Thread(target=server.run) for server in servers[1:]]
for thread in threads:
    thread.start()
servers[0].run()
for server in servers[1:]:
    server.should_exit = True
