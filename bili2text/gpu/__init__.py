"""What graphics card is here, and the libraries it needs."""
