"""A server started in code, the way many images do."""

import os

import uvicorn

if __name__ == "__main__":
    uvicorn.run("app:app", port=int(os.environ["PORT"]))
