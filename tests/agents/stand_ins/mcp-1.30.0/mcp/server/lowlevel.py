class Server:
    def __init__(self, name):
        self.name = name

    def list_tools(self):
        def register(function):
            self.tools = function
            return function

        return register

    async def describe(self):
        return [vars(tool) for tool in await self.tools()]

    def call_tool(self):
        def register(function):
            self.call = function
            return function

        return register
