"""The least a FastAPI app can do: what the agent adds is largest beside this."""

from fastapi import FastAPI

app = FastAPI()


@app.get("/async")
async def asynchronous() -> dict[str, str]:
    return {}


@app.get("/sync")
def synchronous() -> dict[str, str]:
    return {}
