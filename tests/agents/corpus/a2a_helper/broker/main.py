from bedrock_agentcore.runtime import serve_a2a


class Shouter:
    async def execute(self, text):
        return text.upper()


if __name__ == "__main__":
    serve_a2a(Shouter())
