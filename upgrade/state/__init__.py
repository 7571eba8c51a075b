"""What a host keeps when it changes to another image: facts, a pure plan, and the overlay made by it."""
