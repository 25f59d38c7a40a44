class Estimator:
    def __init__(self, currency: str = "USD") -> None:
        self.currency = currency

    def estimate(self, prompt: str) -> str:
        return f"{prompt.upper()} {self._format(prompt)}"

    def _format(self, text: str) -> str:
        return self.currency
