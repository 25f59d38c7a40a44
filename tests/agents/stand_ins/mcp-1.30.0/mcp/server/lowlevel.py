class Server:
    def __init__(self, name):
        self.name = name

    def call_tool(self):
        def register(function):
            self.call = function
            return function

        return register
