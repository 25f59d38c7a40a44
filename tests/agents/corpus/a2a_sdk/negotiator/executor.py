class Shouter:
    async def execute(self, text):
        return text.upper()
