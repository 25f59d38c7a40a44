"""An agent that needs no model: it says what it hears."""
