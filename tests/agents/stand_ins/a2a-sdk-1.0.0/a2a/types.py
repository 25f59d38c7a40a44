class AgentCapabilities:
    def __init__(self, streaming=False):
        self.streaming = streaming


class AgentSkill:
    def __init__(self, id, name, description, tags):
        self.id = id
        self.name = name
        self.description = description
        self.tags = tags


class AgentCard:
    def __init__(
        self,
        name,
        description,
        url,
        version,
        capabilities,
        default_input_modes,
        default_output_modes,
        skills,
    ):
        self.name = name
        self.description = description
        self.url = url
        self.version = version
        self.capabilities = capabilities
        self.default_input_modes = default_input_modes
        self.default_output_modes = default_output_modes
        self.skills = skills

    def as_json(self):
        return {
            "name": self.name,
            "description": self.description,
            "url": self.url,
            "version": self.version,
            "capabilities": vars(self.capabilities),
            "defaultInputModes": self.default_input_modes,
            "defaultOutputModes": self.default_output_modes,
            "skills": [vars(skill) for skill in self.skills],
        }
