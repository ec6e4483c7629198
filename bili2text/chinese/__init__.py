"""Chinese as it should be written: script, punctuation, numbers, and the prompt that asks for them."""
