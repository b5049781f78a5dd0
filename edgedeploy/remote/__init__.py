"""F3: the laptop's end of the conversation with the agent: builds it, installs it, talks to it."""
