from fastapi import APIRouter

from .text import shout

router = APIRouter(prefix="/invocations")


@router.post("")
def invoke(request: dict):
    return {"answer": shout(request["prompt"])}
