"""What computes with torch and transformers: the only package of the workshop that imports them."""
