"""A teacher's labels in shards, and students that learn from them."""
