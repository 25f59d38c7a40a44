"""Tests of the agent."""

import unittest

from starlette.exceptions import HTTPException

from deployment import invoke, invoke_async


class AgentTest(unittest.IsolatedAsyncioTestCase):
    """The agent, called through its entry points."""

    def test_answers(self) -> None:
        """The answer repeats the prompt."""
        answer = invoke.invoke({"prompt": "hello there"})
        self.assertEqual(answer, {"answer": "You said: hello there"})

    async def test_streams(self) -> None:
        """The streamed pieces add up to the whole answer."""
        pieces = await invoke_async.invoke({"prompt": "hello there"})
        whole = "".join([piece async for piece in pieces])
        self.assertEqual(whole, "You said: hello there")

    async def test_refuses_a_payload_without_a_prompt(self) -> None:
        """The caller gets status 400."""
        with self.assertRaises(HTTPException) as refused:
            invoke.invoke({})
        self.assertEqual(refused.exception.status_code, 400)
        with self.assertRaises(HTTPException) as refused:
            await invoke_async.invoke({})
        self.assertEqual(refused.exception.status_code, 400)


if __name__ == "__main__":
    unittest.main()
