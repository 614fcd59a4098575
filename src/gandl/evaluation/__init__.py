"""evaluation: profiles -> tidy tables of numbers, each with its interval."""
