"""A Strands agent on an Amazon Bedrock model."""
