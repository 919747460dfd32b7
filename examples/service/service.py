"""A service that says what is in a picture: the picture in, JSON out. README.md says how to start it."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from fastapi import FastAPI, HTTPException, Request

import minidl as ml

MODEL = os.environ.get("SERVICE_MODEL", "model.npz")
"""A model that knows its classes and how its pictures are read, as a run on a folder of pictures keeps it."""

MOST_BYTES = int(os.environ.get("SERVICE_MOST_BYTES", "10000000"))
MOST_PIXELS = int(os.environ.get("SERVICE_MOST_PIXELS", "50000000"))
SECONDS = float(os.environ.get("SERVICE_SECONDS", "5"))
"""What a request may bring, and how long it may take, the wait for those before it included."""

THREADS = int(os.environ.get("SERVICE_THREADS", "1"))
"""Of minidl, for one picture. uvicorn's workers, a process each, share the cores already."""

ml.set_num_threads(THREADS)
predictor = ml.Predictor(ml.load(MODEL))
if predictor.preprocessing is None:
    raise SystemExit(f"{MODEL}: the model doesn't know its classes; train it on a folder of pictures")
shape = predictor.preprocessing.image_shape
predictor(np.zeros((1, *shape), np.float32))  # so that the first request finds kernels compiled, and memory

app = FastAPI(title="What is in a picture")
turn = ThreadPoolExecutor(1)  # one picture after the other: more at once would only slow each other down


@app.get("/health")
async def health() -> dict[str, Any]:
    """Whether the service answers, and with which classes."""
    return {"status": "ok", "classes": predictor.preprocessing.class_names}


@app.post("/classify")
async def classify(request: Request) -> dict[str, Any]:
    """The most probable class of the picture in the request's body, and the probability of each."""
    content = await body(request)
    answer = asyncio.get_running_loop().run_in_executor(turn, look, content)
    try:
        found = await asyncio.wait_for(answer, SECONDS)
    except TimeoutError:
        raise HTTPException(503, f"busy: no answer within {SECONDS:g} seconds") from None
    except ml.FormatError as error:
        raise HTTPException(415, str(error)) from None
    return {"name": found[0][0], "probability": found[0][1], "probabilities": dict(found)}


def look(content: bytes) -> list[tuple[str, float]]:
    """The classes of a picture with their probabilities, the most probable first."""
    return predictor.classify(content, max_pixels=MOST_PIXELS)


async def body(request: Request) -> bytes:
    """What the request brings, refused as soon as it is too much."""
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MOST_BYTES:
            raise HTTPException(413, f"expected at most {MOST_BYTES:,} bytes")
    if not content:
        raise HTTPException(400, "expected a picture in the body of the request")
    return content
