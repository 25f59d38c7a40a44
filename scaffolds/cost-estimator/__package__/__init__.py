"""An agent that estimates what an architecture costs on AWS."""
