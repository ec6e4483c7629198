"""A model in a process of its own: how it is started, asked, and surely ended."""
